"""How a system's progress looks: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from atoll.system.progress import Down, Note, Refusal, Report, Step, Up
from atoll.system.progress import Progress as Record
from atoll.system.state import State


@contextmanager
def teller(system: str, root: Path) -> Generator[Report]:
    """Give the function that tells a person at this terminal how `system` is doing."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield PlainLines(console, root)
        return
    console.print(f"Starting [bold]{system}[/bold]")
    live = Live(console, root)
    try:
        yield live
    finally:
        live.close()


class PlainLines:
    """A line for each thing that is done."""

    def __init__(self, console: Console, root: Path) -> None:
        self._console = console
        self._root = root

    def __call__(self, record: Record) -> None:
        match record:
            case Step(name=name, done=done, total=total):
                if done == total:
                    self._console.print(f"{name}: ready" + (f" ({total})" if total > 1 else ""))
            case Up():
                show_addresses(self._console, record, self._root)
            case Note(text=text) | Refusal(text=text):
                self._console.print(text)
            case Down():
                self._console.print("stopped")


class Live(PlainLines):
    """A bar for each part while it starts. `close` it, so that the terminal is whole again afterwards.

    The thread that draws begins with the first step, because the supervisor forks before that.
    """

    def __init__(self, console: Console, root: Path) -> None:
        super().__init__(console, root)
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def close(self) -> None:
        """Take the bars away. Idempotent."""
        self._progress.stop()

    def __call__(self, record: Record) -> None:
        match record:
            case Step():
                self._draw(record)
            case Note():
                super().__call__(record)
            case _:
                self.close()
                super().__call__(record)

    def _draw(self, step: Step) -> None:
        if step.name not in self._bars:
            self._progress.start()
            self._bars[step.name] = self._progress.add_task(step.name, total=step.total)
        self._progress.update(self._bars[step.name], completed=step.done)


def show_addresses(console: Console, up: Up, root: Path) -> None:
    """Print where everything is, in at most 80 columns."""
    state = up.state
    console.print(f"\n[bold]{state.system}[/bold] is up in {up.seconds:.1f} s. Ctrl-C stops it.\n")
    console.print(_entrances(state))
    console.print()
    console.print(_services(state))
    console.print(f"\n Logs and data are in {_place(root / state.system)}")
    console.print(" See also: atoll ps, atoll logs, atoll call CONTRACT.OPERATION\n")


def _entrances(state: State) -> Table:
    table = Table(box=None, show_header=False, pad_edge=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {"Gateway": state.gateway_url, "Registry": _as_http(state.registry_url), "Broker": state.broker_url}
    for name, url in {**rows, **state.programs}.items():
        if url:
            table.add_row(name, url)
    return table


def _services(state: State) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=True)
    table.add_column("Service", style="bold", no_wrap=True)
    table.add_column("Address", no_wrap=True)
    table.add_column("Pid", justify="right", no_wrap=True)
    table.add_column("Also there")
    for each in state.processes:
        if each.kind == "service":
            table.add_row(each.label, f"http://{each.address}", str(each.pid), "/docs /health /metrics")
    return table


def _place(path: Path) -> str:
    """A path for people: relative where it is below the working directory."""
    relative = os.path.relpath(path)
    return str(path.absolute()) if relative.startswith("..") else relative


def _as_http(url: str) -> str:
    """A consul:// URL as a browser wants it."""
    return url.replace("consul://", "http://", 1)
