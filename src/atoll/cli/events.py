"""`atoll events`: what is in the event stores of the running services, as it is stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from rich.console import Console

from atoll.cli.errors import CallFailed, UsageError
from atoll.cli.finding import running_system
from atoll.cli.operator import Operator, operate

PATH: Final = "/_atoll/events"
FOLLOW_SECONDS: Final = 0.3
"""Between two looks for what is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events."""

    stream: str = ""
    everything: bool = False
    at: str = ""
    types: Sequence[str] = ()
    tags: Sequence[str] = ()
    limit: int = 50

    def target(self, after: str = "") -> str:
        """Return what to ask a service for, behind a position if one is given."""
        pairs = [("type", each) for each in self.types] + [("tag", each) for each in self.tags]
        plain = {"stream": self.stream, "at": self.at, "after": after, "limit": str(self.limit)}
        return f"{PATH}?{urlencode([*pairs, *((name, value) for name, value in plain.items() if value)])}"


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event; `data` is JSON text by convention."""

    stream: str
    version: int
    position: str
    id: str
    type: str
    data: str
    tags: list[str] = []
    time: float = 0.0
    tenant: str = ""


class Page(msgspec.Struct, frozen=True):
    """Some events, and where to go on."""

    position: str
    events: list[EventView]


def show_events(root: Path, which: str, service: str, wanted: Wanted, *, follow: bool) -> None:
    """Print events, oldest first, and with `follow` those to come. Raises UsageError, CallFailed."""
    if bool(wanted.stream) == wanted.everything:
        raise UsageError("name a stream, or ask for those of all with --all")
    if follow and wanted.at:
        raise UsageError("what comes next has no past: leave out --at or --follow")
    console = Console(highlight=False, soft_wrap=True)

    async def work(operator: Operator) -> None:
        places = await _first(operator, console, wanted)
        while follow:
            await asyncio.sleep(FOLLOW_SECONDS)
            for name in places:
                page = await _ask(operator, name, wanted.target(places[name]))
                places[name] = page.position if page else places[name]
                _print(console, name, page.events if page else [])

    try:
        operate(running_system(root, which).read(), service, work)
    except KeyboardInterrupt:
        console.print()


async def _first(operator: Operator, console: Console, wanted: Wanted) -> dict[str, str]:
    """Print what is there, and return where to go on, by service."""
    found = {name: await _ask(operator, name, wanted.target()) for name in operator.names}
    stores = {name: page for name, page in found.items() if page is not None}
    if not stores:
        only = len(operator.names) == 1
        raise CallFailed(f"{operator.names[0]} has no event store" if only else "no service here has an event store")
    for name, page in stores.items():
        _print(console, name, page.events)
    if not any(page.events for page in stores.values()):
        console.print(f"there are no such events in {', '.join(stores)}")
    return {name: page.position for name, page in stores.items()}


async def _ask(operator: Operator, name: str, target: str) -> Page | None:
    body = await operator.ask(name, "GET", target)
    return None if body is None else msgspec.json.decode(body, type=Page)


def _print(console: Console, service: str, events: Sequence[EventView]) -> None:
    for each in events:
        when = datetime.fromtimestamp(each.time).astimezone().isoformat(sep=" ", timespec="milliseconds")[:23]
        tenant = f" of {each.tenant}" if each.tenant else ""
        console.print(f"{when}  {service}  {each.stream}{tenant} #{each.version}", style="bold", markup=False)
        console.print(f"  {each.type}  at {each.position}", markup=False)
        if each.tags:
            console.print(f"  tags {' '.join(each.tags)}", markup=False)
        for line in _lines(each.data):
            console.print(f"  {line}", markup=False)


def _lines(data: str) -> list[str]:
    """Return JSON as a line for each field; anything else as it is."""
    try:
        fields = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        return [data]
    return [f"{name}: {_shown(each)}" for name, each in fields.items()]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
