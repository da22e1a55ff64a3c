"""What must be known of a server before messages are trusted to it."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from atoll.messaging.errors import BrokerUnusable
from atoll.messaging.nats.link import SYNCED, NatsLink

UNKNOWN_SYNC: Final = "nats-sync-interval"
"""The risk that ATOLL_UNSAFE may name: the server may confirm messages minutes before they are on its disk."""


async def open_safely(link: NatsLink, unsafe: Set[str]) -> None:
    """Open `link`. Raises BrokerUnavailable, and BrokerUnusable telling everything that is wrong with the server.

    By default a server flushes every two minutes, and its clients are not told what it is set to.
    """
    problems: list[str] = []
    try:
        await link.open()
    except BrokerUnusable as error:
        problems.append(str(error))
    if link.server not in ("", SYNCED) and UNKNOWN_SYNC not in unsafe:
        problems.append(
            f"NATS at {link.place} was not started by Atoll, and does not tell whether it flushes what it confirms: by "
            "default only every two minutes, so a power cut loses messages; set `sync_interval: always` in the "
            "jetstream part of its configuration, and say that it is set, or that you accept the risk, with "
            f"ATOLL_UNSAFE={UNKNOWN_SYNC}"
        )
    if problems:
        raise BrokerUnusable("\n".join(problems))
