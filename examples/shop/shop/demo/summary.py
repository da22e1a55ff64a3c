"""What a demo came to, and whether that is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shop.customers.tally import Tally, percentile

START_AIM: Final = 10.0
MEMORY_AIM: Final = 1.2e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The outcome. `violations` are by invariant, an empty list for one that holds; `memory` is in bytes."""

    tally: Tally
    kills: Mapping[str, float]
    violations: Mapping[str, Sequence[str]]
    memory: int
    left_running: Sequence[str]

    @property
    def good(self) -> bool:
        """Every invariant holds, orders were confirmed, nobody was let down and nothing is left running."""
        held = bool(self.violations) and not any(self.violations.values())
        return held and self.tally.confirmed > 0 and not self.tally.lost and not self.left_running


def lines_of(summary: Summary) -> list[str]:
    """Return the summary as lines with rich markup."""
    tally = summary.tally
    times = tally.checkout_seconds
    first = tally.first_order
    lines = [
        f"orders confirmed   {tally.confirmed}",
        f"orders cancelled   {sum(tally.cancelled.values())}{_counts(tally.cancelled)}",
        f"carts abandoned    {tally.abandoned}",
        f"checkout time      p50 {percentile(times, 0.5) * 1000:.0f} ms, p95 {percentile(times, 0.95) * 1000:.0f} ms",
        f"first order        {'none' if first is None else f'{first:.1f} s after the start (aim: {START_AIM:.0f} s)'}",
        f"memory             {summary.memory / 1e6:.0f} MB in all processes (aim: {MEMORY_AIM / 1e6:.0f} MB)",
        f"requests repeated  {tally.retries}",
    ]
    lines += [f"killed -9          {name}, ready again after {took:.1f} s" for name, took in summary.kills.items()]
    if tally.lost:
        lines.append(f"[red]let down           {_counts(tally.lost).strip()}[/red]")
    for name, wrong in summary.violations.items():
        lines.append(f"[red]✗[/red] {name}" if wrong else f"[green]✓[/green] {name}")
        lines += [f"    {sentence}" for sentence in wrong[:5]]
        if len(wrong) > 5:
            lines.append(f"    and {len(wrong) - 5} more")
    left = ", ".join(summary.left_running)
    lines.append(f"[red]✗[/red] left running: {left}" if left else "[green]✓[/green] nothing is left running")
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda each: -each[1]))
    return f" ({listed})" if listed else ""
