"""The broker URL read apart into the servers of one cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from atoll.messaging.errors import BrokerUnusable

SCHEMES: Final = ("amqp", "amqps")
HEARTBEAT: Final = "5"
"""Seconds; a server gives up on a silent client after two or three, and hands its messages to another member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the servers are, each with its credentials; `place` may be shown and logged."""

    servers: tuple[str, ...]
    place: str


def read_address(url: str) -> Address:
    """Read `amqp://user:password@host:port/vhost`, or several joined by commas. Raises BrokerUnusable for what is none.

    A query is left to the client: `cafile`, `heartbeat` and the like.
    """
    parts = [_checked(each) for each in url.split(",")]
    servers = [urlunsplit(each._replace(query=_with_heartbeat(each.query))) for each in parts]
    shown = [without_password(urlunsplit(each._replace(query=""))) for each in parts]
    return Address(servers=tuple(servers), place=",".join(shown))


def without_password(url: str) -> str:
    """Return `url` as it may be shown and logged."""
    return re.sub(r"//[^@/]*@", "//", url)


def _with_heartbeat(query: str) -> str:
    return urlencode({"heartbeat": HEARTBEAT} | dict(parse_qsl(query)))


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
