"""What the AMQP client raises, told as the errors of this package."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelAccessRefused,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    InvalidFrameError,
    ProbableAuthenticationError,
    PublishError,
)

from atoll.messaging.errors import BrokerUnavailable, BrokerUnusable, MessagingError

FAILURES: Final = (AMQPError, ChannelInvalidStateError, RuntimeError, StopAsyncIteration, OSError, TimeoutError)
"""aiormq raises RuntimeError for a connection that is closed already, and StopAsyncIteration for one that is closed
while it is being opened."""
_TOO_LARGE: Final = re.compile(r"is larger than (?:configured )?max size (\d+)")
_OPENING: Final = "Connection.OpenOk"
"""What aiormq says that it expected when the server closes the connection over the virtual host."""


@contextmanager
def told(place: str) -> Generator[None]:
    """Within the block, a failure of the client or of the broker at `place` becomes a MessagingError.

    aiormq cancels what waits on a connection that goes; that is told apart from a cancellation of the caller.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except MessagingError:
        raise
    except FAILURES as error:
        raise translated(error, place) from error
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling() > before:
            raise
        raise BrokerUnavailable(f"the connection to {place} was lost") from error


def translated(error: Exception, place: str) -> MessagingError:
    """Return the error of this package that tells what `error` means."""
    match error:
        case ProbableAuthenticationError() | AuthenticationError():
            return BrokerUnusable(f"the broker at {place} refused the user or the password; correct ATOLL_BROKER_URL")
        case InvalidFrameError() if _OPENING in reason_of(error):
            return BrokerUnusable(f"{place} has no such virtual host, or not for that user; correct ATOLL_BROKER_URL")
        case ChannelAccessRefused():
            return BrokerUnusable(f"the user of {place} lacks a permission: {reason_of(error)}")
        case ChannelNotFoundEntity():
            return BrokerUnavailable(f"something at {place} is missing or down: {reason_of(error)}")
        case PublishError():
            return BrokerUnavailable(f"nothing at {place} would keep the message; its exchange is being set up again")
        case DeliveryError():
            return BrokerUnavailable(f"a queue at {place} is full or cannot store the message at the moment")
        case TimeoutError():
            return BrokerUnavailable(f"no answer from {place} in time")
        case RuntimeError() | StopAsyncIteration():
            return BrokerUnavailable(f"the connection to {place} was lost")
        case _:
            return BrokerUnavailable(f"the connection to {place} failed: {reason_of(error)}")


def reason_of(error: BaseException) -> str:
    """Return what the server or the system said, without the client's words around it."""
    texts = [each for each in error.args if isinstance(each, str)]
    return texts[-1] if texts else repr(error)


def largest_allowed(error: BaseException) -> int | None:
    """Return the most bytes that the broker takes, if `error` says that some message had more."""
    if not isinstance(error, ChannelPreconditionFailed):
        return None
    found = _TOO_LARGE.search(reason_of(error))
    return int(found.group(1)) if found else None
