"""What marks a field of an event as somebody's, so that it can be made unreadable when they ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from atoll.contracts.event import Event
from atoll.core.errors import DeclarationError


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field: `email: Annotated[str, Personal("user_id")]`.

    `subject` names the field of the same event that says whose it is. Whoever stores the event seals the field with a
    key of that subject; once the key is erased, the field reads as `erased`, which must fit its type.
    """

    subject: str
    erased: Any = ""


def personal_fields(event: type[Event]) -> dict[str, Personal]:
    """Return the fields of an event class that are marked, by name. Raises DeclarationError for a wrong mark."""
    hints = get_type_hints(event, include_extras=True)
    marked = {
        name: mark
        for name in event.__struct_fields__
        for mark in get_args(hints[name])[1:]
        if isinstance(mark, Personal)
    }
    for name, mark in marked.items():
        if mark.subject not in event.__struct_fields__ or mark.subject in marked:
            raise DeclarationError(
                f"{event.__name__}.{name} is Personal({mark.subject!r}), but {mark.subject!r} is no field of it that "
                "stays readable; name the field that says whose it is"
            )
    return marked
