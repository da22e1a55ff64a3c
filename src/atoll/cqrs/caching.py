"""Answers kept for as long as nothing has happened that changes them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from atoll.contracts import Event
from atoll.core.machine import machine
from atoll.cqrs.chain import Route, Step
from atoll.cqrs.messages import Query

SIZE: Final = 10_000
AGE_SECONDS: Final = 60.0

Tags = Callable[[Any], Iterable[str]]
"""What a query's answer, or an event, is about: `lambda query: [f"sku:{query.sku}"]`."""


class Answer(NamedTuple):
    """A result and its entity tag (RFC 9110 §8.8.3): equal results have equal ones."""

    result: Any
    etag: str
    made: float
    tags: frozenset[str]


class QueryCache:
    """Keeps the answers of some queries, the most recently used `size` of them, for `seconds` at most.

    `queries` says what an answer is about, `events` what an event changes: an event takes away the answers that
    share a tag with it (`heard`). What was asked before an event and answered after it is not kept. Answers are the
    same for everybody: cache no query whose answer depends on who asks.
    """

    def __init__(
        self,
        queries: Mapping[type[Query[Any]], Tags],
        events: Mapping[type[Event], Tags],
        *,
        size: int = SIZE,
        seconds: float = AGE_SECONDS,
    ) -> None:
        self._queries = {kind.__name__: tags for kind, tags in queries.items()}
        self._events = dict(events)
        self._size = size
        self._seconds = seconds
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._by_tag: dict[str, set[str]] = {}
        self._heard = 0

    def __call__(self, route: Route, after: Step) -> Step:
        """The middleware of a QueryBus."""
        if (tags := self._queries.get(route.name)) is None:
            return after

        async def ask(query: Any) -> Any:
            key = route.digest(query)
            if (kept := self._find(key)) is not None:
                return kept.result
            heard = self._heard
            result = await after(query)
            if heard == self._heard:
                self._keep(key, Answer(result, etag_of(result), machine().monotonic(), frozenset(tags(query))))
            return result

        return ask

    def heard(self, event: Event) -> None:
        """Take away what `event` changes. Idempotent; call it for each event that the answers are made from."""
        self._heard += 1
        if (tags := self._events.get(type(event))) is not None:
            for tag in tags(event):
                for key in tuple(self._by_tag.get(tag, ())):
                    self._drop(key)

    def clear(self) -> None:
        """Take away everything, as after a connection on which events come was lost."""
        self._heard += 1
        self._answers.clear()
        self._by_tag.clear()

    def _find(self, key: str) -> Answer | None:
        if (kept := self._answers.get(key)) is None:
            return None
        if machine().monotonic() - kept.made > self._seconds:
            self._drop(key)
            return None
        self._answers.move_to_end(key)
        return kept

    def _keep(self, key: str, answer: Answer) -> None:
        self._drop(key)
        self._answers[key] = answer
        for tag in answer.tags:
            self._by_tag.setdefault(tag, set()).add(key)
        while len(self._answers) > self._size:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: str) -> None:
        if (kept := self._answers.pop(key, None)) is None:
            return
        for tag in kept.tags:
            if keys := self._by_tag.get(tag):
                keys.discard(key)
                if not keys:
                    del self._by_tag[tag]


def etag_of(result: Any) -> str:
    """Return the strong entity tag of a result: a digest of its JSON."""
    return f'"{sha256(msgspec.json.encode(result)).hexdigest()[:32]}"'
