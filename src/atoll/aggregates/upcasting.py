"""Events as they were written, read as they are declared now: renamed, reshaped or no longer wanted.

Source: G. Young, "Versioning in an Event Sourced System", https://leanpub.com/esversioning.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from atoll.contracts import Event
from atoll.core.errors import DeclarationError

Data = dict[str, Any]


def _as_it_is(data: Data) -> Data:
    return data


@dataclass(frozen=True, slots=True)
class Upcaster:
    """Reads events of the type `old` as `to`, a class or another type; `change` turns the old data into the new.

    Without `change` it is a new name for the same thing. With `to` None events of the type are passed over: nobody
    wants them any more.
    """

    old: str
    to: str | type[Event] | None
    change: Callable[[Data], Data] = _as_it_is

    @property
    def target(self) -> str | None:
        """The type that comes out."""
        return self.to.event_type if isinstance(self.to, type) else self.to


class Upcasters:
    """Upcasters in a chain: what one makes, the next one takes."""

    def __init__(self, upcasters: Iterable[Upcaster], known: Collection[str]) -> None:
        """`known` are the types there are classes for. Raises DeclarationError when a chain ends nowhere or never."""
        self._steps: Mapping[str, Upcaster] = _by_type(upcasters, known)
        for each in self._steps:
            self._check(each, known)

    def __contains__(self, name: str) -> bool:
        return name in self._steps

    @property
    def types(self) -> Collection[str]:
        """The old types."""
        return self._steps.keys()

    def raised(self, name: str, data: Data) -> tuple[str, Data] | None:
        """Return the type and data of an event, of the type `name`, as declared now, or None when nobody wants it."""
        current: str | None = name
        while current is not None and (step := self._steps.get(current)) is not None:
            current, data = step.target, step.change(data)
        return None if current is None else (current, data)

    def _check(self, first: str, known: Collection[str]) -> None:
        seen = [first]
        while (step := self._steps.get(seen[-1])) is not None:
            if (target := step.target) is None:
                return
            if target in seen:
                raise DeclarationError(f"upcasters go round in a circle: {' -> '.join([*seen, target])}")
            seen.append(target)
        if seen[-1] not in known:
            raise DeclarationError(
                f"the upcaster of {first!r} ends at {seen[-1]!r}, which is no event of the aggregate; name one that is"
            )


def _by_type(upcasters: Iterable[Upcaster], known: Collection[str]) -> dict[str, Upcaster]:
    steps: dict[str, Upcaster] = {}
    for each in upcasters:
        if each.old in steps or each.old in known:
            raise DeclarationError(f"events of the type {each.old!r} would be read in two ways; leave one of them out")
        steps[each.old] = each
    return steps
