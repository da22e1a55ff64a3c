"""Deliveries as the client hands them over, without a broker."""

from __future__ import annotations

from typing import Any

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader


class FakeChannel:
    """Notes what is settled over it."""

    def __init__(self) -> None:
        self.acked: list[int] = []

    async def basic_ack(self, tag: int, **_: object) -> None:
        self.acked.append(tag)


def delivered(
    data: bytes = b"{}",
    properties: Basic.Properties | None = None,
    *,
    channel: Any = None,
    tag: int = 1,
    redelivered: bool = False,
) -> DeliveredMessage:
    deliver = Basic.Deliver(
        consumer_tag="c", delivery_tag=tag, redelivered=redelivered, exchange="shop.events", routing_key="a.B.v1"
    )
    header = ContentHeader(properties=properties or Basic.Properties())
    return DeliveredMessage(delivery=deliver, header=header, body=data, channel=channel or FakeChannel())
