"""The errors of the messaging package.

MessagingError
├── BrokerUnavailable           not reachable, or no answer in time: the outcome is unknown, try again
├── BrokerUnusable              reachable or not, it can never work like this: a wrong URL, a lossy stream
├── MessageRefused              the broker will never take this message
├── UndecodableMessage          what the broker delivered is not a message of ours; carries what could be read
├── NoSuchLetter                there is no dead letter of that id or key
└── LetterWaits                 another dead letter of the same key is to be replayed first
"""

from __future__ import annotations

from atoll.contracts import Message
from atoll.core.errors import AtollError


class MessagingError(AtollError):
    """Base of the package."""


class BrokerUnavailable(MessagingError):
    """The broker cannot be reached or did not answer in time; a message may or may not be stored."""

    code = "unavailable"
    retryable = True


class BrokerUnusable(MessagingError):
    """The broker cannot be used as it is set up; the message says what to change."""


class MessageRefused(MessagingError):
    """The broker will not take this message, however often it is asked."""


class UndecodableMessage(MessagingError):
    """A delivery, or the data of a message, does not have the expected form.

    `message` holds what could be read. A handler may raise this to have the message put with the dead letters
    at once, because another attempt would fail in the same way.
    """

    def __init__(self, reason: str, message: Message) -> None:
        self.message = message
        super().__init__(reason)


class NoSuchLetter(MessagingError):
    """The consumer has no dead letter of that id, or none with that key."""

    code = "not_found"


class LetterWaits(MessagingError):
    """A dead letter with the same key comes first."""

    code = "conflict"
