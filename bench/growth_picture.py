"""Draws how the event store grows: one panel for appending, one for reading the newest events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from growing import Rates

BAND: Final = 0.2
"""How far from the small store's a rate may be, and still be called flat."""

INK: Final = "#7d7d7d"
"""Readable on white and on black, as the page may be either."""

LOOKS: Final = {"SQLite": ("#d95f02", "o"), "PostgreSQL": ("#3b82c4", "s")}
"""Colours that the colour-blind tell apart, and marks for those who see none."""

PANELS: Final = {"appends": "appending, 32 writers", "tail": "reading the newest 10,000"}


def draw(found: Mapping[str, Mapping[str, Mapping[int, Rates]]], path: Path) -> None:
    """Write an SVG with a transparent ground; `found` has events a second by engine, measure and size."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    settings = {"svg.fonttype": "none", "svg.hashsalt": "atoll", "font.family": "sans-serif", "font.size": 9}
    colours = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
    with mpl.rc_context({**settings, **colours}):
        figure, panels = pyplot.subplots(1, len(PANELS), figsize=(7.2, 3.0), layout="constrained")
        for panel, (measure, title) in zip(panels, PANELS.items(), strict=True):
            _panel(panel, title, {engine: measures[measure] for engine, measures in found.items()})
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    _describe(path, found)


def _panel(panel: Any, title: str, rates: Mapping[str, Mapping[int, Rates]]) -> None:
    for engine, curve in rates.items():
        colour, mark = LOOKS[engine]
        sizes, values = list(curve), list(curve.values())
        low, high = ([each.small * edge for each in values] for edge in (1 - BAND, 1 + BAND))
        panel.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
        panel.plot(sizes, [each.here for each in values], color=colour, marker=mark, markersize=4, label=engine)
    panel.set_title(title, fontsize=9)
    panel.set_xscale("log")
    panel.set_ylim(bottom=0)
    panel.set_xlabel("events in the store")
    panel.set_ylabel("events/s")
    panel.yaxis.set_major_formatter("{x:,.0f}")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False)


def _describe(path: Path, found: Mapping[str, Mapping[str, Mapping[int, Rates]]]) -> None:
    """Say in words what is drawn, for those who do not see it."""
    parts = [
        f"{title} on {engine}: "
        + ", ".join(f"{rates.here:,.0f} at {size:,}" for size, rates in measures[measure].items())
        for measure, title in PANELS.items()
        for engine, measures in found.items()
    ]
    bands = "Bands: 20 % around a store of 10,000 events measured beside it"
    said = f"Events a second by events in the store. {'; '.join(parts)}. {bands}."
    picture = path.read_text("utf-8")
    path.write_text(picture.replace("<svg ", f'<svg role="img" aria-label="{said}" ', 1), "utf-8")
