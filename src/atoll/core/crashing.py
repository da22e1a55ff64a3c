"""Crash points: the named moments at which a test may end the process, to show that nothing is lost or doubled there.

Source: the failpoints of FreeBSD and etcd (https://github.com/etcd-io/gofail).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final


def _pass() -> None:
    """Go on: what reaching a point does unless a test has armed it."""


class CrashPoint:
    """One moment, `reached` by the code that owns it: a call of an empty function unless a test has armed it."""

    __slots__ = ("name", "reached")

    def __init__(self, name: str) -> None:
        self.name = name
        self.reached: Callable[[], None] = _pass

    def arm(self, crash: Callable[[], None]) -> None:
        """Call `crash` each time the point is reached, until `disarm`."""
        self.reached = crash

    def disarm(self) -> None:
        """Go on as usual again."""
        self.reached = _pass


POINTS: Final[dict[str, CrashPoint]] = {}
"""Every point of the packages imported so far, by name."""


def crash_point(name: str) -> CrashPoint:
    """Declare a point, once, where a module begins; `name` is `<what>.<moment>`, such as `relay.published`.

    Raises ValueError for a name that is taken.
    """
    if name in POINTS:
        raise ValueError(f"there is a crash point {name!r} already; give this one a name of its own")
    POINTS[name] = point = CrashPoint(name)
    return point
