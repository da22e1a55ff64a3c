"""The work of `atoll projections`: through the operator's endpoints of the running services."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec
from rich.console import Console

from atoll.cli.finding import running_system
from atoll.cli.operator import Collection, Operator, operate
from atoll.cli.processes import duration
from atoll.projections import Overview

Action = Literal["rebuild", "pause", "resume", "retry", "discard"]


class ParkedView(msgspec.Struct, frozen=True):
    """An event that was put aside."""

    event: str
    type: str
    stream: str
    version: int
    key: str
    error: str


class WholeView(msgspec.Struct, frozen=True):
    """A projection and what is parked of it."""

    projection: Overview
    parked: list[ParkedView]


VIEWS: Final = Collection(path="/_atoll/projections", kind=WholeView, what="projection", listing="atoll projections")


class Answer(msgspec.Struct, frozen=True):
    """What was done."""

    generation: int = 0
    events: int = 0


def list_views(root: Path, which: str, service: str) -> None:
    """Print a line or two for each projection."""
    state = running_system(root, which).read()
    found = operate(state, service, lambda operator: operator.ask_each(VIEWS.path, list[Overview]))
    console = Console(highlight=False, soft_wrap=True)
    if not any(views for _, views in found):
        console.print("no service here has projections")
    for name, views in found:
        for each in views:
            _tell(console, name, each)


def show_view(root: Path, which: str, service: str, view: str) -> None:
    """Print all there is to tell of one projection."""
    name, found = operate(running_system(root, which).read(), service, lambda operator: VIEWS.find(operator, view))
    console, seen = Console(highlight=False, soft_wrap=True), found.projection
    _tell(console, name, seen)
    console.print(f"  position {seen.position}, {_some(seen.partitions, 'partition')}, generation {seen.generation}")
    if seen.owners:
        console.print(f"  run by {', '.join(seen.owners)}", markup=False)
    if seen.failed_id:
        console.print(f"  stopped at event {seen.failed_id} after {_some(seen.attempts, 'attempt')}", markup=False)
    for each in found.parked:
        console.print(f"\n{each.event}  {each.type}", markup=False)
        console.print(f"  version {each.version} of {each.stream}", markup=False)
        console.print(f"  {each.error or 'waits behind the one before it'}", markup=False)


def act(root: Path, which: str, service: str, view: str, action: Action, *, event: str = "") -> None:
    """Have something done with one projection, and print what that means."""

    async def do(operator: Operator) -> Answer:
        name, _ = await VIEWS.find(operator, view)
        answer = await VIEWS.change(operator, name, view, msgspec.json.encode({"event": event}), action=action)
        return msgspec.json.decode(answer, type=Answer)

    answer = operate(running_system(root, which).read(), service, do)
    told = {
        "rebuild": f"{view} is being rebuilt as generation {answer.generation}; see: atoll projections",
        "pause": f"{view} is paused",
        "resume": f"{view} goes on",
        "retry": f"{_some(answer.events, 'event')} of {view} will be tried again; see: atoll projections show {view}",
        "discard": f"{event} is passed over; see: atoll projections show {view}",
    }
    print(told[action])


def _tell(console: Console, service: str, seen: Overview) -> None:
    parts = [seen.state, f"version {seen.version}", _lag(seen)]
    if seen.parked:
        parts.append(f"{seen.parked} parked")
    console.print(f"{service} {seen.name}: {', '.join(parts)}", markup=False)
    if seen.error:
        console.print(f"  {seen.failed_at}: {seen.error}", markup=False)
    if (building := seen.building) is not None:
        console.print(f"  rebuilding as version {building.version}: {_some(building.lag_events, 'event')} to go")
        if building.error:
            console.print(f"  {building.error}", markup=False)


def _lag(seen: Overview) -> str:
    if not seen.lag_events:
        return "up to date"
    more = " or more" if seen.lag_events >= 1000 else ""
    return f"{_some(seen.lag_events, 'event')}{more} behind ({duration(seen.lag_seconds)})"


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
