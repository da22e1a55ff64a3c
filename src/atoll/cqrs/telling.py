"""Tells observers of each message: metrics, logs and traces stand on that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from atoll.core import context as contexts
from atoll.core.context import Trace
from atoll.core.errors import AtollError
from atoll.core.hooks import Hooks
from atoll.core.machine import machine
from atoll.cqrs.chain import Middleware, Route, Step
from atoll.cqrs.messages import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageExecuted:
    """A command or query has ended, after `seconds`; `error_type` is empty when it succeeded. `trace` is its span."""

    name: str
    kind: Kind
    error_type: str
    seconds: float
    trace: Trace


def told(hooks: Hooks) -> Middleware:
    """Run each message in a child span, and emit a MessageExecuted when it has ended."""

    def wrap(route: Route, after: Step) -> Step:
        async def run(message: Any) -> Any:
            began, context, kind = machine().monotonic(), contexts.current(), ""
            span = context.trace.child()
            try:
                with contexts.use(msgspec.structs.replace(context, trace=span)):
                    return await after(message)
            except BaseException as error:
                kind = error.code if isinstance(error, AtollError) else type(error).__name__
                raise
            finally:
                seconds = machine().monotonic() - began
                hooks.emit(
                    MessageExecuted(name=route.name, kind=route.kind, error_type=kind, seconds=seconds, trace=span)
                )

        return run

    return wrap
