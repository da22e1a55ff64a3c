"""The idempotency key of a call to another service."""

from __future__ import annotations

from atoll.contracts import Operation
from atoll.core.context import Context
from atoll.core.ids import derived_id, new_id


def key_for(context: Context, operation: Operation, target: str, body: bytes) -> str:
    """Return the key for one logical call of a command, the same for all its attempts.

    Without a key in `context` it is new. With one (a keyed command or a saga step is being worked on) it is
    derived from that key, the operation and the arguments, never the same key: the callee keeps keys of its own,
    and two different calls of one command must not share one. So when that command is repeated, after a
    lost reply, by a retry loop, or by a saga that resumes after a crash, its calls carry the same keys again and
    nothing is done twice, in whatever order or concurrency they are made.

    The price: two calls with equal arguments within one keyed command are one call. Work that means both
    gives the second a context with another key.
    """
    if not context.idempotency_key:
        return new_id()
    return derived_id(context.idempotency_key, operation.id, target, body.decode())
