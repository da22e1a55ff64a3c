"""Queries over types and tags, said in SQL."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from atoll.eventstore.events import Criterion, Position, Query
from atoll.eventstore.sql.words import Words


class Args:
    """The arguments of a statement in the making."""

    def __init__(self, *first: Any) -> None:
        self.values: list[Any] = list(first)

    def add(self, value: Any) -> str:
        """Add an argument and return its place."""
        self.values.append(value)
        return f"${len(self.values)}"


class Selecting:
    """The condition on events `e` of one statement: a tenant's (with None, anyone's), after a position, matching."""

    def __init__(self, words: Words, tenant: str | None, after: Position, args: Args) -> None:
        self._words = words
        self._args = args
        self._tenant = None if tenant is None else args.add(tenant)
        self._after = (args.add(after.transaction), args.add(after.number))

    def matching(self, query: Query) -> str:
        """Return the condition."""
        return f"{self._within('e')}{self._matching(query)}"

    def _matching(self, query: Query) -> str:
        tagged = [each for each in query.criteria if each.tags]
        plain = {name for each in query.criteria if not each.tags for name in each.types}
        ways = [f"e.type {self._one_of(plain)}"] if plain else []
        if tagged:
            place = self._words.place.format("e")
            ways.append(f"{place} IN ({' UNION '.join(self._places(each) for each in tagged)})")
        return f" AND ({' OR '.join(ways)})" if ways else ""

    def _places(self, criterion: Criterion) -> str:
        """Select the places of what has all the tags: found by the first, the others looked up for each."""
        first, *others = sorted(criterion.tags)
        columns = self._words.place.format("t").strip("()")
        sql = f"SELECT {columns} FROM atoll_event_tags t WHERE t.tag = {self._args.add(first)} AND {self._within('t')}"
        for each in others:
            sql += (
                " AND EXISTS (SELECT 1 FROM atoll_event_tags u "
                f"WHERE u.tag = {self._args.add(each)} AND u.tenant = t.tenant AND {self._same('u')})"
            )
        if criterion.types:
            types = self._one_of(criterion.types)
            sql += f" AND EXISTS (SELECT 1 FROM atoll_events x WHERE {self._same('x')} AND x.type {types})"
        return sql

    def _within(self, alias: str) -> str:
        after = self._words.after.format(alias, *self._after)
        return after if self._tenant is None else f"{after} AND {alias}.tenant = {self._tenant}"

    def _same(self, alias: str) -> str:
        return f"{self._words.place.format(alias)} = {self._words.place.format('t')}"

    def _one_of(self, names: Set[str]) -> str:
        return self._words.dialect.one_of(self._args.add(sorted(names)))
