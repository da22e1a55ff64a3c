"""A message in the hands of a consumer, from delivery to settlement."""

from __future__ import annotations

import logging
from collections.abc import Container
from dataclasses import dataclass

from atoll.contracts import Message
from atoll.core import Context
from atoll.core.context import extract
from atoll.messaging.errors import MessagingError, UndecodableMessage
from atoll.messaging.port import Delivery

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Case:
    """A message and what became of it so far.

    `repeated` says that the broker has delivered it before; `defect` is why no handler can take it, if so, and
    `unknown` whether that is its type. `context` is that of the last attempt, the `attempts`th; `began` is its
    monotonic time.
    """

    message: Message
    context: Context
    began: float
    defect: UndecodableMessage | None = None
    unknown: bool = False
    repeated: bool = False
    attempts: int = 0

    def begin(self, now: float) -> None:
        """Begin the next attempt at `now`, in a span of its own."""
        self.attempts += 1
        self.began = now
        if self.attempts > 1:
            self.context = context_of(self.message, self.context.request_id)


def open_case(delivery: Delivery, types: Container[str], *, began: float) -> Case:
    """Read `delivery`; what is not a message, or of none of `types`, becomes a case with a defect."""
    defect = None
    try:
        message = delivery.message
    except UndecodableMessage as error:
        message, defect = error.message, error
    unknown = defect is None and message.type not in types
    if unknown:
        defect = UndecodableMessage(f"nothing handles {message.type} here", message)
    return Case(
        message=message,
        context=context_of(message),
        began=began,
        defect=defect,
        unknown=unknown,
        repeated=delivery.attempt > 1,
    )


async def settle(delivery: Delivery, *, again_after: float | None = None) -> None:
    """Tell the broker that the message is done with, or to deliver it again after so many seconds.

    When the broker cannot be told, it delivers the message again by itself, and the inbox knows it.
    """
    try:
        await (delivery.ack() if again_after is None else delivery.retry(again_after))
    except MessagingError as error:
        _logger.info("a message could not be settled and will come again: %s", error)


def context_of(message: Message, request_id: str = "") -> Context:
    """Return a context for work on `message`: a child of its trace, under its request id or the given one."""
    return extract({"traceparent": message.traceparent, "x-request-id": request_id or message.request_id})
