"""Path templates such as /orders/{order_id}: how they match, which comes first, which covers which."""

from __future__ import annotations

import re
from typing import Final

_HOLE: Final = re.compile(r"\{[^{}]*\}")
_FILLED: Final = "[^/]+"


def has_holes(template: str) -> bool:
    """Tell whether `template` matches more than itself."""
    return _HOLE.search(template) is not None


def pattern(template: str) -> str:
    """Return the regular expression (RE2 and Python alike) of the paths of `template`; a hole takes one segment."""
    return _FILLED.join(re.escape(part) for part in _HOLE.split(template))


def canonical(template: str) -> str:
    """Return `template` without the names of its holes: the same for templates that match the same paths."""
    return _HOLE.sub("{}", template)


def precedence(template: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key: of two templates that match one path, the one that is literal sooner comes first."""
    return tuple((_looseness(segment), canonical(segment)) for segment in template.split("/"))


def covers(general: str, special: str) -> bool:
    """Tell whether every path of `special` is one of `general` too. Errs towards False for partly filled segments."""
    ours, theirs = general.split("/"), special.split("/")
    return len(ours) == len(theirs) and all(map(_segment_covers, ours, theirs))


def _segment_covers(general: str, special: str) -> bool:
    if canonical(general) == "{}" or canonical(general) == canonical(special):
        return True
    return not has_holes(special) and re.fullmatch(pattern(general), special) is not None


def _looseness(segment: str) -> int:
    if not has_holes(segment):
        return 0
    return 2 if canonical(segment) == "{}" else 1
