"""A client between a scripted transport and a clock that jumps."""

from __future__ import annotations

from typing import Any

import msgspec

from atoll.clients import (
    CallFinished,
    CallPolicy,
    Clients,
    ConnectionFailed,
)
from atoll.core import Hooks
from atoll.core.context import IDEMPOTENCY_HEADER, Context, new_context
from tests.unit.clients.sample import (
    Answer,
    FixedResolver,
    Inventory,
    JumpingClock,
    Reserve,
    ScriptedTransport,
    instance,
    problem,
    reply,
)

BROKEN = ConnectionFailed("the connection broke", sent=True)
RESERVED = reply(200, b'{"id":"1"}')
IN_PROGRESS = problem(409, code="in_progress")


class Bench:
    """A client between a scripted transport and a clock that jumps."""

    def __init__(self, *answers: Answer, **policy: Any) -> None:
        self.transport = ScriptedTransport(*(answers or (RESERVED,)))
        self.resolver = FixedResolver(instance("a"), instance("b"))
        self.clock = JumpingClock()
        self.records: list[CallFinished] = []
        hooks = Hooks()
        hooks.on(CallFinished, self.records.append)
        self.inventory = Clients(
            self.resolver,
            self.transport,
            hooks=hooks,
            clock=self.clock,
            random=lambda: 0.5,
            policy=CallPolicy(**policy),
        ).of(Inventory)

    async def reserve(self) -> str:
        return (await self.inventory.reserve(Reserve("a", 1))).id

    @property
    def keys(self) -> list[str]:
        return [each.headers[IDEMPOTENCY_HEADER] for each in self.transport.requests]

    def header(self, name: str) -> str:
        return self.transport.requests[-1].headers[name]


def context(**changes: Any) -> Context:
    return msgspec.structs.replace(new_context(timeout=30.0), **changes)
