"""The errors of aggregates.

AggregateError
├── AggregateNotFound   there is no aggregate under this id; has `category` and `id`
├── HistoryTruncated    its first events are hidden, and there is no snapshot to begin at; has `stream`
├── SnapshotCorrupt     a snapshot cannot be read; the events are untouched; has `stream`
└── SubjectErased       personal data would be stored of somebody whose key was erased; has `subject`
"""

from __future__ import annotations

from atoll.core.errors import AtollError


class AggregateError(AtollError):
    """Base of the package."""


class AggregateNotFound(AggregateError):
    """There are no events of this aggregate."""

    code = "not_found"

    def __init__(self, category: str, id: str) -> None:  # noqa: A002 - the field's own name
        self.category = category
        self.id = id
        super().__init__(f"there is no {category} {id!r}")


class HistoryTruncated(AggregateError):
    """The events that folding would begin with are not there any more."""

    def __init__(self, stream: str, first: int) -> None:
        self.stream = stream
        super().__init__(
            f"the events of {stream!r} begin at version {first} and no snapshot that this code can read stands before; "
            "run the code that made the snapshot, or restore the events"
        )


class SnapshotCorrupt(AggregateError):
    """What is kept as a snapshot is none. Nothing is lost: the aggregate is in its events."""

    def __init__(self, stream: str, why: str) -> None:
        self.stream = stream
        super().__init__(
            f"the snapshot of {stream!r} cannot be read ({why}); remove it with `await repository.forget(id)`, "
            "and the aggregate is folded from its events again"
        )


class SubjectErased(AggregateError):
    """Somebody's key was erased, so nothing personal can be stored of them any more."""

    code = "conflict"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"the personal data of {subject!r} were erased for good; use another subject for new data")
