"""The part of the JetStream API that the queue uses, as typed records.

Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference; ADR-60 for the consumer reset.
Durations are nanoseconds on the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from atoll.messaging.errors import BrokerUnavailable, BrokerUnusable, MessageRefused
from atoll.messaging.nats.link import NatsLink

API_TIMEOUT: Final = 5.0
NANOSECONDS: Final = 1_000_000_000
PRIORITY_GROUP: Final = "members"
_STREAM_NOT_FOUND: Final = 10059
_MESSAGE_NOT_FOUND: Final = 10037
_DURABLE: Final = {"storage": "file", "retention": "limits", "discard": "new", "allow_atomic": True}

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
    allow_atomic: bool = False

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
    """How a durable consumer hands out a stream: to one of its members at a time, the pinned one (ADR-42).

    `ack_wait` and `priority_timeout`, after which a silent member loses its place, are in nanoseconds.
    """

    name: str
    durable_name: str
    filter_subjects: list[str]
    ack_wait: int
    max_ack_pending: int
    ack_policy: str = "explicit"
    deliver_policy: str = "all"
    replay_policy: str = "instant"
    max_deliver: int = -1
    priority_policy: str = "pinned_client"
    priority_groups: list[str] = msgspec.field(default_factory=lambda: [PRIORITY_GROUP])
    priority_timeout: int = 0


class StreamState(msgspec.Struct):
    """What a stream holds: the sequences of its first and its last message."""

    first_seq: int = 0
    last_seq: int = 0


class Stream(_Reply):
    """A stream as it is; `created` is another time for one that was made again."""

    config: StreamConfig = msgspec.field(default_factory=StreamConfig)
    created: str = ""
    state: StreamState = msgspec.field(default_factory=StreamState)


class _Delivered(msgspec.Struct):
    stream_seq: int = 0


class _PriorityGroup(msgspec.Struct):
    pinned_client_id: str = ""


class _Config(msgspec.Struct):
    priority_policy: str = ""
    filter_subjects: list[str] = msgspec.field(default_factory=list[str])


class Consumer(_Reply):
    """A consumer as it is: how many messages are delivered and not settled, and how many polls wait."""

    config: _Config = msgspec.field(default_factory=_Config)
    num_ack_pending: int = 0
    num_waiting: int = 0
    delivered: _Delivered = msgspec.field(default_factory=_Delivered)
    priority_groups: list[_PriorityGroup] = msgspec.field(default_factory=list[_PriorityGroup])

    @property
    def is_pinned(self) -> bool:
        """True while the server gives messages to one member alone."""
        return any(each.pinned_client_id for each in self.priority_groups)


class PubAck(_Reply):
    """What the server says of a publication: where it is in the stream, and whether it was there before."""

    seq: int = 0
    duplicate: bool = False


class _StoredMessage(msgspec.Struct):
    seq: int = 0
    hdrs: bytes = b""


class _MessageReply(_Reply):
    message: _StoredMessage = msgspec.field(default_factory=_StoredMessage)


async def ensure_stream(link: NatsLink, namespace: str) -> Stream:
    """Make the stream of `namespace` unless it is there. Raises BrokerUnusable when it would lose messages."""
    reply = await _call(link, f"STREAM.INFO.{namespace}", b"", Stream)
    if reply.error is not None and reply.error.err_code == _STREAM_NOT_FOUND:
        wanted = _DURABLE | {"name": namespace, "subjects": [f"{namespace}.>"]}
        data = msgspec.json.encode(wanted)
        reply = await _call(link, f"STREAM.CREATE.{namespace}", data, Stream)
    _accepted(link, reply, f"the stream {namespace!r}")
    if losses := reply.config.losses:
        raise BrokerUnusable(
            f"the stream {namespace!r} at {link.place} {' and '.join(losses)}; remove it, so that it is made "
            "again with file storage, or change it"
        )
    return reply


async def header_at(link: NatsLink, stream: str, seq: int, header: str) -> str | None:
    """Return a header of the message at that sequence; None when there is none any more."""
    reply = await _call(link, f"STREAM.MSG.GET.{stream}", msgspec.json.encode({"seq": seq}), _MessageReply)
    if reply.error is not None and reply.error.err_code == _MESSAGE_NOT_FOUND:
        return None
    _accepted(link, reply, f"the message {seq} of {stream!r}")
    wanted = f"{header.lower()}:"
    lines = reply.message.hdrs.decode(errors="replace").splitlines()
    return next((line[len(wanted) :].strip() for line in lines if line.lower().startswith(wanted)), "")


async def ensure_consumer(link: NatsLink, stream: str, config: ConsumerConfig) -> Consumer:
    """Make or update a durable consumer. Raises BrokerUnusable on a server that cannot keep to one member (< 2.11)."""
    data = msgspec.json.encode({"stream_name": stream, "config": config})
    reply = await _call(link, f"CONSUMER.CREATE.{stream}.{config.name}", data, Consumer)
    _accepted(link, reply, f"the consumer {config.name!r}")
    if reply.config.priority_policy != config.priority_policy:
        raise BrokerUnusable(f"NATS at {link.place} is too old to keep messages in order; use 2.11 or newer")
    return reply


async def consumer_state(link: NatsLink, stream: str, consumer: str) -> Consumer:
    """Return how a consumer stands."""
    reply = await _call(link, f"CONSUMER.INFO.{stream}.{consumer}", b"", Consumer)
    _accepted(link, reply, f"the consumer {consumer!r}")
    return reply


async def subjects_of(link: NatsLink, stream: str, consumer: str) -> list[str]:
    """Return what a consumer is given; nothing for one that is not there."""
    reply = await _call(link, f"CONSUMER.INFO.{stream}.{consumer}", b"", Consumer)
    return reply.config.filter_subjects if reply.error is None else []


async def unpin_consumer(link: NatsLink, stream: str, consumer: str) -> None:
    """Let the server choose anew which member it gives messages to."""
    data = msgspec.json.encode({"group": PRIORITY_GROUP})
    reply = await _call(link, f"CONSUMER.UNPIN.{stream}.{consumer}", data, _Reply)
    _accepted(link, reply, f"the consumer {consumer!r}")


async def reset_consumer(link: NatsLink, stream: str, consumer: str) -> bool:
    """Deliver again, in order, everything after the first unsettled message; False where it is not known how.

    Servers before 2.14 do not know it; there, what was in flight comes again when its time has run out.
    """
    try:
        reply = await _call(link, f"CONSUMER.RESET.{stream}.{consumer}", b"", _Reply)
    except BrokerUnavailable:
        return False
    return reply.error is None


async def store(link: NatsLink, subject: str, data: bytes, headers: dict[str, str], *, timeout: float) -> PubAck:
    """Publish and wait until the message is stored. Raises BrokerUnavailable or MessageRefused."""
    msg = await link.request(subject, data, timeout=timeout, headers=headers)
    ack = msgspec.json.decode(msg.data, type=PubAck)
    if ack.error is not None and ack.error.code == 400:
        raise MessageRefused(f"the broker refused a message for {subject!r}: {ack.error.description}")
    if ack.error is not None:
        raise BrokerUnavailable(f"the broker could not store a message: {ack.error.description}")
    return ack


async def store_together(
    link: NatsLink, messages: Sequence[tuple[str, bytes, dict[str, str]]], *, batch: str, timeout: float
) -> PubAck | None:
    """Publish all of them as one under the id `batch`; None when the server has stored none of them.

    Source: ADR-50, atomic batch publishing. Only the last one is answered, once the stream was flushed to the disk.
    """
    for number, (subject, data, headers) in enumerate(messages[:-1], 1):
        mark = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        await link.send(subject, data, headers=headers | mark)
    subject, data, headers = messages[-1]
    mark = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(len(messages)), "Nats-Batch-Commit": "1"}
    msg = await link.request(subject, data, timeout=timeout, headers=headers | mark)
    ack = msgspec.json.decode(msg.data, type=PubAck)
    return ack if ack.error is None else None


async def _call(link: NatsLink, call: str, data: bytes, reply: type[R]) -> R:
    msg = await link.request(f"$JS.API.{call}", data, timeout=API_TIMEOUT)
    return msgspec.json.decode(msg.data, type=reply)


def _accepted(link: NatsLink, reply: _Reply, what: str) -> None:
    if reply.error is None:
        return
    if reply.error.code == 503:
        raise BrokerUnavailable(f"JetStream at {link.place} is not ready: {reply.error.description}")
    raise BrokerUnusable(f"{what} cannot be used at {link.place}: {reply.error.description}")
