"""The demo on the screen: one live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from atoll.system.progress import Progress, Step
from shop.customers.tally import Tally

PLAIN_SECONDS: Final = 2.0
LIVE_SECONDS: Final = 0.2


class Display:
    """Tells what happens. `say` is a line that stays; the rest is refreshed."""

    def __init__(self, began: float) -> None:
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._began = began

    def say(self, text: str) -> None:
        """Print one line with the time since the start."""
        self.console.print(f"[dim]{time.monotonic() - self._began:6.1f} s[/dim]  {text}")

    def progress(self, progress: Progress) -> None:
        """Tell of each part of the start that is done."""
        if isinstance(progress, Step) and progress.done == progress.total:
            self.say(f"[dim]{progress.name} ready[/dim]")

    @asynccontextmanager
    async def watching(self, tally: Tally) -> AsyncGenerator[None]:
        """Show `tally` while the block runs."""
        show = self._show_live(tally) if self.console.is_terminal else self._show_lines(tally)
        shown = asyncio.create_task(show)
        try:
            yield
        finally:
            shown.cancel()
            await asyncio.gather(shown, return_exceptions=True)

    async def _show_live(self, tally: Tally) -> None:
        with Live(table_of(tally), console=self.console, transient=True) as live:
            while True:
                await asyncio.sleep(LIVE_SECONDS)
                live.update(table_of(tally))

    async def _show_lines(self, tally: Tally) -> None:
        while True:
            await asyncio.sleep(PLAIN_SECONDS)
            self.say(line_of(tally))


def line_of(tally: Tally) -> str:
    """Return the state of the demo in one line."""
    return (
        f"{tally.finished}/{tally.customers} customers done, {tally.in_checkout} in checkout, "
        f"{tally.confirmed} orders confirmed, {sum(tally.cancelled.values())} cancelled, "
        f"{tally.abandoned} carts left, {tally.retries} retries"
    )


def table_of(tally: Tally) -> Table:
    """Return the state of the demo as a table."""
    table = Table(title="The shop is open", show_header=False, min_width=52)
    reasons = ", ".join(f"{count} {reason}" for reason, count in tally.cancelled.most_common())
    rows = (
        ("customers done", f"{tally.finished} of {tally.customers}"),
        ("in checkout", str(tally.in_checkout)),
        ("orders confirmed", f"[green]{tally.confirmed}[/green]"),
        ("orders cancelled", reasons or "none"),
        ("carts left", str(tally.abandoned)),
        ("requests repeated", str(tally.retries)),
    )
    for name, value in rows:
        table.add_row(name, value)
    return table
