"""What a journal holds of one saga, held against what the saga's code comes to when it runs again."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec

from atoll.core.errors import DeclarationError
from atoll.saga.errors import SagaChanged
from atoll.saga.rows import Kind, SagaRow, StepRow

_WORDS: Final[dict[Kind, str]] = {"step": "step", "undo": "undo", "timer": "timer", "event": "wait"}
REMEDY: Final = (
    "finish it with the code it began with (give the new code a version of its own, and keep the old beside it), "
    "then: atoll sagas retry"
)


class Recorded:
    """The records of one saga, numbered by the order in which its code comes to its steps."""

    def __init__(self, saga: SagaRow, rows: Iterable[StepRow]) -> None:
        self._saga = saga
        self._rows = {(row.kind, row.name): row for row in rows}
        self._by_place = {row.place: row for row in self._rows.values() if row.kind != "undo"}
        self._names: set[str] = set()

    def reach(self, name: str, kind: Kind, digest: str) -> tuple[int, StepRow | None]:
        """Number the step that the code has come to, and return what is recorded of it.

        Raises SagaChanged when something else is recorded at its place, or other arguments of it, and
        DeclarationError when there is a step of that name before.
        """
        if name in self._names:
            raise DeclarationError(f"saga {self._saga.name} has two steps called {name!r}; give each its own name")
        self._names.add(name)
        place = len(self._names)
        there = self._by_place.get(place)
        if there is not None and (there.name, there.kind) != (name, kind):
            raise self._changed(f"{_called(there)} was number {place} in its code, which is {_said(kind, name)} now")
        row = self._rows.get((kind, name))
        if row is None:
            return place, None
        if row.place != place:
            raise self._changed(f"{_called(row)} was number {row.place} in its code and is number {place} now")
        if digest and row.digest and digest != row.digest:
            raise self._changed(f"{_called(row)} was called with other arguments than now")
        return place, row

    def check_all_reached(self) -> None:
        """Raise SagaChanged when the code has ended without coming to a step that is recorded."""
        for _, row in sorted(self._by_place.items()):
            if row.name not in self._names:
                raise self._changed(f"{_called(row)} is in its journal, and its code no longer comes to it")

    def is_undone(self, name: str) -> bool:
        """Tell whether a step need not be undone any more."""
        row = self._rows.get(("undo", name))
        return row is not None and row.outcome in ("done", "skipped")

    def _changed(self, what: str) -> SagaChanged:
        saga = self._saga
        return SagaChanged(
            saga.id, f"the code of saga {saga.name} (version {saga.version}) has changed: {what}; {REMEDY}"
        )


def digest_of(values: object) -> str:
    """Return a digest of arguments; empty for what has no JSON, which is then not checked."""
    try:
        return sha256(msgspec.json.encode(values, order="deterministic")).hexdigest()[:16]
    except (TypeError, ValueError, msgspec.MsgspecError):
        return ""


def _called(row: StepRow) -> str:
    return _said(row.kind, row.name)


def _said(kind: Kind, name: str) -> str:
    return f"{_WORDS[kind]} {name!r}"
