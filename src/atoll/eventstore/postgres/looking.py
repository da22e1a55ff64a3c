"""What is committed of streams and ids, seen from outside of the transaction that asks."""

from __future__ import annotations

from collections.abc import Set

from atoll.eventstore.deciding import Head, Key
from atoll.eventstore.events import Condition, Position
from atoll.eventstore.postgres.pinned import Pinned
from atoll.eventstore.postgres.words import HEADS_OUTSIDE, PLACES_OUTSIDE
from atoll.eventstore.sql.words import Words
from atoll.eventstore.sql.writing import counting
from atoll.storage.rows import bind


async def heads_of(connection: Pinned, keys: Set[Key]) -> dict[Key, tuple[Head, int]]:
    """Return the heads of streams, and the transaction that wrote each."""
    heads = {key: (Head(0), 0) for key in keys}
    tenants, streams = zip(*keys, strict=True)
    for tenant, stream, version, deleted, written_by in await connection.fetch(HEADS_OUTSIDE, tenants, streams):
        heads[tenant, stream] = (Head(version, deleted), written_by)
    return heads


async def places_of(connection: Pinned, wanted: Set[tuple[Key, str]]) -> dict[tuple[Key, str], dict[int, Position]]:
    """Return in which versions of its stream each event id is."""
    places: dict[tuple[Key, str], dict[int, Position]] = {each: {} for each in wanted}
    ids = [event_id for _, event_id in wanted]
    for tenant, stream, event_id, version, transaction, number in await connection.fetch(PLACES_OUTSIDE, ids):
        if (place := places.get(((tenant, stream), event_id))) is not None:
            place[version] = Position(transaction, number)
    return places


async def count_of(connection: Pinned, words: Words, tenant: str, condition: Condition) -> int:
    """Return how many events match after the condition's position."""
    sql, args = counting(words, tenant, condition)
    return int((await connection.fetch(sql, *[bind(each) for each in args]))[0][0])
