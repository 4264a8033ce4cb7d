"""What most dialects answer alike; a venue that differs says so itself."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, TypeVar

from connector.dialect import Capability, Endpoints, LinkScript, VenueFacts
from connector.dialect.facts import Fact, SettingFact
from connector.dialect.wire import Request, SigningKey
from connector.errors import CredentialsError, Unsupported
from connector.model.account import MarginMode
from connector.model.ids import Symbol
from connector.model.instrument import InstrumentKind
from connector.model.noun import of_text, to_text

_E = TypeVar("_E", bound=StrEnum)


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

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """There is no such call: what is open is cancelled one by one."""
        raise Unsupported(self.facts.name, Capability.CANCEL_ALL.value)

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Only the mode that every position has."""
        raise Unsupported(self.facts.name, Capability.ISOLATED_MARGIN.value)

    def cancel_account(self, kind: InstrumentKind | None = None) -> tuple[Request, ...]:
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


def lower_words(kind: type[_E]) -> dict[str, _E]:
    """The words of a venue that writes ours in lower case."""
    return {member.value.lower(): member for member in kind}


def passphrase_of(signer: SigningKey) -> str:
    """Of a key that has one; CredentialsError if none was given."""
    if signer.passphrase is None:
        raise CredentialsError(
            "a key of this venue has a passphrase, chosen when it was made: "
            "`connector keys add` asks for it"
        )
    return signer.passphrase.reveal()
