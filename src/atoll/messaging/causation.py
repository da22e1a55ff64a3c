"""Which message the work in hand comes from, for the events it emits in its turn."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_message_id: ContextVar[str] = ContextVar("atoll_causation", default="")


def causation() -> str:
    """Return the id of the message being handled; empty outside of a message handler."""
    return _message_id.get()


def set_cause(message_id: str) -> None:
    """Make `message_id` the cause of what the rest of this task does."""
    _message_id.set(message_id)


@contextmanager
def caused_by(message_id: str) -> Generator[None]:
    """Make `message_id` the cause of what is done within the block."""
    token = _message_id.set(message_id)
    try:
        yield
    finally:
        _message_id.reset(token)
