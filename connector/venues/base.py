"""What most dialects answer alike; a venue that differs says so itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from connector.dialect import Capability, Endpoints, LinkScript, VenueFacts
from connector.dialect.facts import Fact, SettingFact
from connector.dialect.wire import Request
from connector.errors import Unsupported
from connector.model.noun import of_text, to_text


class PureDialect:
    """A dialect that is told by tables: *environments* has its published URLs."""

    environments: ClassVar[Mapping[str, Endpoints]] = {}

    @property
    def facts(self) -> VenueFacts:
        """Constants of the venue."""
        raise NotImplementedError

    def endpoints(self, environment: str) -> Endpoints | None:
        """Published URLs of ``live`` or ``testnet``; None if there are none."""
        return self.environments.get(environment)

    def cancel_account(self) -> tuple[Request, ...]:
        """There is no such call: it is done instrument by instrument."""
        raise Unsupported(self.facts.name, Capability.CANCEL_ACCOUNT.value)

    def second_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Everything is told on one stream."""
        return None


def setting_context(fact: SettingFact) -> dict[str, str]:
    """What the request of a setting remembers: what is so once it was taken."""
    return {"setting": to_text(fact)}


def setting_facts(request: Request) -> tuple[Fact, ...]:
    """What is so now, after a change that took or was not needed."""
    text = request.context.get("setting")
    return (of_text(SettingFact, text),) if text else ()
