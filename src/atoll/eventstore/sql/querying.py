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
        """Return the condition.

        Events are walked in their order from the position on, so that a page costs the same whatever lies before it.
        A plain `tenant = $1` would let a planner that has no statistics fetch and sort all events of the tenant for
        each page; within a CASE it is no condition for an index. Tags have an index that is worth it.
        """
        untagged = [*self._of_tenant("e"), *self._of_types(query)]
        walked = [f"CASE WHEN {' AND '.join(untagged)} THEN TRUE ELSE FALSE END"] if untagged else []
        return " AND ".join([self._later("e"), *walked, *self._of_tags(query)])

    def _of_types(self, query: Query) -> list[str]:
        """Ask for the types of a query without tags."""
        names = {name for each in query.criteria for name in each.types}
        return [f"e.type {self._one_of(names)}"] if names and not any(each.tags for each in query.criteria) else []

    def _of_tags(self, query: Query) -> list[str]:
        """Ask for what a query with tags wants, be it some types beside."""
        tagged = [each for each in query.criteria if each.tags]
        if not tagged:
            return []
        plain = {name for each in query.criteria if not each.tags for name in each.types}
        ways = [f"e.type {self._one_of(plain)}"] if plain else []
        ways.append(f"{self._words.place.format('e')} IN ({' UNION '.join(self._places(each) for each in tagged)})")
        return [f"({' OR '.join(ways)})"]

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
        return " AND ".join([self._later(alias), *self._of_tenant(alias)])

    def _later(self, alias: str) -> str:
        return self._words.after.format(alias, *self._after)

    def _of_tenant(self, alias: str) -> list[str]:
        return [] if self._tenant is None else [f"{alias}.tenant = {self._tenant}"]

    def _same(self, alias: str) -> str:
        return f"{self._words.place.format(alias)} = {self._words.place.format('t')}"

    def _one_of(self, names: Set[str]) -> str:
        return self._words.dialect.one_of(self._args.add(sorted(names)))
