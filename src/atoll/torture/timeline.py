"""The picture of a run: what customers met above, what was done to whom below, on one axis of time. Inline SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from atoll.torture.report import Bin, FaultView, Report
from atoll.torture.schedule import KINDS, Kind

WIDTH: Final = 1100
LEFT: Final = 110
RIGHT: Final = 16
BARS: Final = 140
LANE: Final = 18
TOP: Final = 24
GAP: Final = 22
FOOT: Final = 26
TICKS: Final = 12
STEPS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)

COLOURS: Final[dict[Kind, str]] = dict(
    zip(KINDS, ("#b5179e", "#5f0f40", "#ff7f0e", "#8c564b", "#9467bd", "#17becf", "#bcbd22", "#1f77b4"), strict=True)
)
OUTCOMES: Final = (("ok", "#2ca02c"), ("refused", "#c9a400"), ("failed", "#d62728"))


def timeline(report: Report) -> str:
    """Return the picture as an SVG element."""
    lanes = sorted({each.target for each in report.faults})
    end = max([report.load_seconds, 1.0 + len(report.timeline), *(each.lifted for each in report.faults)])
    height = TOP + BARS + GAP + LANE * len(lanes) + FOOT
    canvas = _Canvas(end)
    parts = [
        *canvas.ticks(height),
        *canvas.bars(report.timeline),
        *canvas.lanes(lanes),
        *(canvas.fault(each, lanes.index(each.target)) for each in report.faults),
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="requests and faults over time" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


class _Canvas:
    """Where things stand when the run took `end` seconds."""

    def __init__(self, end: float) -> None:
        self._end = end
        self._scale = (WIDTH - LEFT - RIGHT) / end

    def ticks(self, height: int) -> Iterator[str]:
        step = next((each for each in STEPS if self._end / each <= TICKS), STEPS[-1])
        for at in range(0, int(self._end) + 1, step):
            x = self._x(at)
            yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - FOOT + 4}"/>'
            yield f'<text class="axis" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{at} s</text>'

    def bars(self, bins: Sequence[Bin]) -> Iterator[str]:
        most = max((each.ok + each.refused + each.failed for each in bins), default=0) or 1
        yield f'<text class="axis" x="{LEFT - 6}" y="{TOP + 8}" text-anchor="end">{most} /s</text>'
        yield f'<text class="label" x="{LEFT - 6}" y="{TOP + BARS}" text-anchor="end">requests</text>'
        for each in bins:
            base = float(TOP + BARS)
            for name, colour in OUTCOMES:
                count: int = getattr(each, name)
                size = count * BARS / most
                base -= size
                if count:
                    yield self._box(each.at, 1.0, base, size, colour, f"{each.at:.0f} s: {count} {name}")

    def lanes(self, names: Sequence[str]) -> Iterator[str]:
        for number, name in enumerate(names):
            y = self._lane(number)
            yield f'<line class="lane" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y + LANE}" y2="{y + LANE}"/>'
            yield f'<text class="label" x="{LEFT - 6}" y="{y + LANE - 5}" text-anchor="end">{escape(name)}</text>'

    def fault(self, fault: FaultView, lane: int) -> str:
        y, colour = self._lane(lane), COLOURS[fault.kind]
        healing = ""
        if fault.ready:
            title = f"{fault.target} was ready again after {fault.ready:.2f} s"
            healing = self._box(fault.lifted, fault.ready, y + 7, LANE - 10, colour, title, ' class="healing"')
        took = f" for {fault.lifted - fault.began:.1f} s" if fault.lifted > fault.began else ""
        title = f"{fault.began:.1f} s: {fault.kind} {fault.target}{took}{' (not done)' if fault.failure else ''}"
        return healing + self._box(fault.began, fault.lifted - fault.began, y + 3, LANE - 5, colour, title)

    def _box(self, at: float, seconds: float, y: float, height: float, colour: str, title: str, extra: str = "") -> str:
        width = max(2.5, seconds * self._scale - 0.3)
        return (
            f'<rect x="{self._x(at):.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{colour}"{extra}><title>{escape(title)}</title></rect>'
        )

    def _x(self, at: float) -> float:
        return LEFT + at * self._scale

    @staticmethod
    def _lane(number: int) -> int:
        return TOP + BARS + GAP + number * LANE
