"""The broker URL read apart: the servers of one cluster, and what the operator accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from atoll.messaging.errors import BrokerUnusable

SCHEMES: Final = ("amqp", "amqps")
HEARTBEAT: Final = "5"
"""Seconds; a server gives up on a silent client after two of them, and hands its messages to another member."""
ACCEPT: Final = "lossy=accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the servers are, each with its credentials; `place` may be shown and logged.

    `accepts_loss` lets queues that are set up in a way that can lose messages be used as they are.
    """

    servers: tuple[str, ...]
    place: str
    accepts_loss: bool


def read_address(url: str) -> Address:
    """Read `amqp://user:password@host:port/vhost?lossy=accepted`, several joined by commas.

    Raises BrokerUnusable for what is none.
    """
    parts = [_checked(each) for each in url.split(",")]
    queries = [dict(parse_qsl(each.query)) for each in parts]
    accepts = any(query.pop("lossy", "") == "accepted" for query in queries)
    servers = (
        urlunsplit(each._replace(query=urlencode({"heartbeat": HEARTBEAT} | query)))
        for each, query in zip(parts, queries, strict=True)
    )
    place = ",".join(without_password(urlunsplit(each._replace(query=""))) for each in parts)
    return Address(servers=tuple(servers), place=place, accepts_loss=accepts)


def without_password(url: str) -> str:
    """Return `url` as it may be shown and logged."""
    return re.sub(r"//[^@/]*@", "//", url)


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        parts, usable = SplitResult("", "", "", "", ""), False
    if not usable:
        raise BrokerUnusable(
            f"the broker URL {without_password(url)!r} is not usable; write amqp://user:password@host:port/vhost"
        )
    return parts
