"""From method and path to a route: compiled once, one dictionary step a path segment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from atoll.core.errors import DeclarationError
from atoll.service.errors import MethodNotAllowed, NotFound

T = TypeVar("T")


class Match(NamedTuple, Generic[T]):
    """What a path led to: the target, the template it was declared with, and the values of its holes."""

    target: T
    template: str
    parameters: dict[str, str]


class Router(Generic[T]):
    """Routes are (method, path template, target). A literal segment wins over a `{hole}`; a hole takes one segment."""

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        self._root = _Node[T]()
        for method, template, target in routes:
            self._add(method, template, target)

    def match(self, method: str, path: str) -> Match[T]:
        """Return where the path leads. Raises NotFound or MethodNotAllowed."""
        found = self._root.find(path.split("/")[1:], [])
        if found is None:
            raise NotFound(f"there is nothing at {path}")
        node, values = found
        entry = node.targets.get(method) or (node.targets.get("GET") if method == "HEAD" else None)
        if entry is None:
            allowed = ", ".join(sorted(node.targets))
            raise MethodNotAllowed(f"{path} does not take {method}, only {allowed}", allowed=allowed)
        target, template, names = entry
        return Match(target, template, dict(zip(names, values, strict=True)))

    def _add(self, method: str, template: str, target: T) -> None:
        node, names = self._root, list[str]()
        for segment in template.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.hole = node.hole or _Node[T]()
                node = node.hole
            else:
                node = node.literal.setdefault(segment, _Node[T]())
        if method in node.targets:
            raise DeclarationError(f"two routes for {method} {template}; change one of them")
        node.targets[method] = (target, template, tuple(names))


class _Node(Generic[T]):
    __slots__ = ("hole", "literal", "targets")

    def __init__(self) -> None:
        self.literal: dict[str, _Node[T]] = {}
        self.hole: _Node[T] | None = None
        self.targets: dict[str, tuple[T, str, tuple[str, ...]]] = {}

    def find(self, segments: list[str], values: list[str]) -> tuple[_Node[T], list[str]] | None:
        if not segments:
            return (self, values) if self.targets else None
        head, rest = segments[0], segments[1:]
        if (child := self.literal.get(head)) is not None and (found := child.find(rest, values)) is not None:
            return found
        if self.hole is not None and head:
            return self.hole.find(rest, [*values, head])
        return None
