"""The part of the JetStream API that the queue uses, as typed records.

Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference; ADR-60 for the consumer reset.
Durations are nanoseconds on the wire.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from atoll.messaging.errors import BrokerUnavailable, BrokerUnusable, MessageRefused
from atoll.messaging.nats.link import NatsLink

API_TIMEOUT: Final = 5.0
NANOSECONDS: Final = 1_000_000_000
_STREAM_NOT_FOUND: Final = 10059
_DURABLE: Final = {"storage": "file", "retention": "limits", "discard": "new"}

R = TypeVar("R", bound="_Reply")


class ApiError(msgspec.Struct):
    """Why JetStream refused; `err_code` tells the cases apart."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class _Reply(msgspec.Struct):
    error: ApiError | None = None


class StreamConfig(msgspec.Struct, kw_only=True):
    """How a stream keeps its messages, as far as that decides whether it can lose any."""

    storage: str = "file"
    retention: str = "limits"
    no_ack: bool = False
    persist_mode: str = ""

    @property
    def losses(self) -> list[str]:
        """What this set-up would lose, one clause each; empty when it is durable."""
        lossy = {
            "keeps its messages in memory": self.storage != "file",
            f"drops messages by its {self.retention!r} retention": self.retention != "limits",
            "does not confirm what it stores": self.no_ack,
            "confirms before it has stored": self.persist_mode == "async",
        }
        return [clause for clause, applies in lossy.items() if applies]


class ConsumerConfig(msgspec.Struct, kw_only=True):
    """How a durable consumer hands out a stream. `ack_wait` is in nanoseconds."""

    name: str
    durable_name: str
    filter_subjects: list[str]
    ack_wait: int
    max_ack_pending: int
    ack_policy: str = "explicit"
    deliver_policy: str = "all"
    replay_policy: str = "instant"
    max_deliver: int = -1


class _StreamReply(_Reply):
    config: StreamConfig = msgspec.field(default_factory=StreamConfig)


class _ConsumerReply(_Reply):
    num_ack_pending: int = 0


class _PubAck(_Reply):
    seq: int = 0


async def ensure_stream(link: NatsLink, namespace: str) -> None:
    """Make the stream of `namespace` unless it is there. Raises BrokerUnusable when it would lose messages."""
    reply = await _call(link, f"STREAM.INFO.{namespace}", b"", _StreamReply)
    if reply.error is not None and reply.error.err_code == _STREAM_NOT_FOUND:
        wanted = _DURABLE | {"name": namespace, "subjects": [f"{namespace}.>"]}
        data = msgspec.json.encode(wanted)
        reply = await _call(link, f"STREAM.CREATE.{namespace}", data, _StreamReply)
    _accepted(link, reply, f"the stream {namespace!r}")
    if losses := reply.config.losses:
        raise BrokerUnusable(
            f"the stream {namespace!r} at {link.place} {' and '.join(losses)}; remove it, so that it is made "
            "again with file storage, or change it"
        )


async def ensure_consumer(link: NatsLink, stream: str, config: ConsumerConfig) -> int:
    """Make or update a durable consumer; return how many messages were delivered and not settled."""
    data = msgspec.json.encode({"stream_name": stream, "config": config})
    reply = await _call(link, f"CONSUMER.CREATE.{stream}.{config.name}", data, _ConsumerReply)
    _accepted(link, reply, f"the consumer {config.name!r}")
    return reply.num_ack_pending


async def reset_consumer(link: NatsLink, stream: str, consumer: str) -> bool:
    """Deliver again, in order, everything after the first unsettled message; False where it is not known how.

    Servers before 2.14 do not know it; there, what was in flight comes again when its time has run out.
    """
    try:
        reply = await _call(link, f"CONSUMER.RESET.{stream}.{consumer}", b"", _Reply)
    except BrokerUnavailable:
        return False
    return reply.error is None


async def store(link: NatsLink, subject: str, data: bytes, headers: dict[str, str], *, timeout: float) -> None:
    """Publish and wait until the message is stored. Raises BrokerUnavailable or MessageRefused."""
    msg = await link.request(subject, data, timeout=timeout, headers=headers)
    error = msgspec.json.decode(msg.data, type=_PubAck).error
    if error is not None and error.code == 400:
        raise MessageRefused(f"the broker refused a message for {subject!r}: {error.description}")
    if error is not None:
        raise BrokerUnavailable(f"the broker could not store a message: {error.description}")


async def _call(link: NatsLink, call: str, data: bytes, reply: type[R]) -> R:
    msg = await link.request(f"$JS.API.{call}", data, timeout=API_TIMEOUT)
    return msgspec.json.decode(msg.data, type=reply)


def _accepted(link: NatsLink, reply: _Reply, what: str) -> None:
    if reply.error is None:
        return
    if reply.error.code == 503:
        raise BrokerUnavailable(f"JetStream at {link.place} is not ready: {reply.error.description}")
    raise BrokerUnusable(f"{what} cannot be used at {link.place}: {reply.error.description}")
