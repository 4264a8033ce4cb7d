"""Calls into code that may never return, bounded in time.

A keyring may wait for ever for a dialogue on a screen nobody looks at. The call runs
in a daemon thread, which never keeps the process from exiting; after the bound the
caller goes on without it. While a call hangs, further calls of the same resource fail
at once, so that at most one thread per resource is ever lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from connector.errors import KeystoreUnavailable

T = TypeVar("T")


@dataclass(slots=True)
class Answer(Generic[T]):
    """What a bounded call came to: a value, or the type of what it raised.

    Only the type: a foreign exception's text, arguments or traceback might hold
    the secret that was being stored.
    """

    value: T | None = None
    error: type[BaseException] | None = None


class Bounded:
    """Runs calls of one store, one at a time, each for at most *timeout_s*.

    *resource* is what may hang, shared by all objects of this process that name it;
    without it each object is its own.
    """

    _hanging: ClassVar[dict[object, threading.Thread]] = {}

    def __init__(self, label: str, timeout_s: float, resource: object = None) -> None:
        self.label = label
        self.timeout_s = timeout_s
        self._resource = self if resource is None else resource

    def call(self, function: Callable[[], T], verb: str) -> Answer[T]:
        """Run *function*; raises KeystoreUnavailable if it does not return in time.

        After a timeout it is not known whether the call took effect.
        """
        for resource, thread in list(self._hanging.items()):
            if not thread.is_alive():
                self._hanging.pop(resource, None)
        if self._resource in self._hanging:
            raise KeystoreUnavailable(
                f"{self.label} still hangs in an earlier call: is it waiting for a "
                "dialogue to be answered? Unlock it, then try again"
            )
        answer: Answer[T] = Answer()

        def run() -> None:
            try:
                answer.value = function()
            except BaseException as exc:  # nothing may escape: it could show a secret
                answer.error = type(exc)

        thread = threading.Thread(
            target=run, name=f"connector.keystore.{verb}", daemon=True
        )
        thread.start()
        thread.join(self.timeout_s)
        if thread.is_alive():
            self._hanging[self._resource] = thread
            raise KeystoreUnavailable(
                f"{self.label} did not answer within {self.timeout_s:g} s ({verb}): "
                "is it locked, or waiting for a dialogue? Whether the call took "
                "effect is not known"
            )
        return answer
