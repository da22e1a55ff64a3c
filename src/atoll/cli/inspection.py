"""`atoll sagas` and `atoll deadletters`: what the running services tell their operator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from atoll.cli.errors import CallFailed
from atoll.cli.finding import pick, running_system
from atoll.cli.processes import duration
from atoll.clients import CallError, HTTPTransport
from atoll.clients.port import Request
from atoll.discovery import ServiceRegistry, open_registry
from atoll.saga.journal import SagaRow, StepRow
from atoll.system.state import State

T = TypeVar("T")

TIMEOUT: Final = 5.0
_COLOURS: Final = {
    "completed": "green",
    "compensated": "yellow",
    "parked": "red",
    "done": "green",
    "failed": "red",
    "unknown": "yellow",
}


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a service gave up on; `data` is its event as JSON text."""

    id: str | int
    consumer: str
    type: str
    key: str
    error: str
    attempts: int
    time: float
    data: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A saga and its recorded steps."""

    saga: SagaRow
    steps: list[StepRow]


def show_sagas(root: Path, which: str, service: str) -> None:
    """Print the sagas of every service, or of one."""
    found = _ask(running_system(root, which).read(), service, "/_atoll/sagas", list[SagaRow])
    rows = [(name, saga) for name, sagas in found for saga in sagas]
    console = Console(highlight=False)
    if not rows:
        console.print("there are no sagas")
        return
    console.print(table_of_sagas(rows, now=time.time()))


def show_saga(root: Path, which: str, service: str, saga_id: str) -> None:
    """Print the history of one saga, wherever it is. Raises CallFailed when no service has it."""
    state = running_system(root, which).read()
    found = _ask(state, service, f"/_atoll/sagas/{saga_id}", History)
    if not found:
        raise CallFailed(f"no service has a saga {saga_id}; see: atoll sagas")
    console = Console(highlight=False)
    for name, history in found:
        for line in lines_of(name, history):
            console.print(line, soft_wrap=True)


def show_dead_letters(root: Path, which: str, service: str) -> None:
    """Print the dead letters of every service, or of one."""
    found = _ask(running_system(root, which).read(), service, "/_atoll/deadletters", list[DeadLetterView])
    console = Console(highlight=False)
    letters = [(name, letter) for name, letters in found for letter in letters]
    if not letters:
        console.print("there are no dead letters")
    for name, letter in letters:
        console.print(f"[bold]{name}[/bold] {letter.id} {letter.type} {letter.key}", soft_wrap=True)
        console.print(
            f"  {_when(letter.time)}, attempt {letter.attempts}: {letter.error}", soft_wrap=True, markup=False
        )
        console.print(f"  {letter.data}", soft_wrap=True, markup=False)


def table_of_sagas(rows: Sequence[tuple[str, SagaRow]], *, now: float) -> Table:
    """Return sagas as a table."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("Service", "Saga", "Outcome", "Took"):
        table.add_column(name, no_wrap=True)
    table.add_column("Id", overflow="fold")
    for service, saga in rows:
        took = duration((saga.ended_at or now) - saga.started_at)
        table.add_row(service, saga.name, _coloured(saga.status), took, saga.id)
    return table


def lines_of(service: str, history: History) -> list[str]:
    """Return one saga's story, a line for each thing that happened."""
    saga = history.saga
    told = [(saga.started_at, "started", "", _told(saga.input))]
    for step in history.steps:
        name = f"undo {step.name}" if step.kind == "undo" else step.name
        often = f" after {step.attempts} attempts" if step.attempts > 1 else ""
        told.append((step.time, name, f"{_coloured(step.outcome)}{often}", _told(step.error or step.result or "")))
    if saga.ended_at is not None:
        told.append((saga.ended_at, "ended", _coloured(saga.status), _told(saga.cause or saga.result or "")))
    width = max(len(name) for _, name, _, _ in told)
    lines = [f"  {_when(at)}  {name:<{width}}  {outcome}  {text}".rstrip() for at, name, outcome, text in told]
    return [f"[bold]{service}.{saga.name}[/bold] {saga.id}: {_coloured(saga.status)}", *lines]


def _ask(state: State, service: str, path: str, kind: type[T]) -> list[tuple[str, T]]:
    names = [each.name for each in state.processes if each.kind == "service"]
    return asyncio.run(_ask_all(state.registry_url, pick(service, names, "service"), path, kind))


async def _ask_all(registry_url: str, names: Sequence[str], path: str, kind: type[T]) -> list[tuple[str, T]]:
    registry = open_registry(registry_url)
    try:
        async with HTTPTransport() as transport:
            answers = [(name, await _ask_one(registry, transport, name, path)) for name in names]
    finally:
        await registry.close()
    decoder = msgspec.json.Decoder(kind)
    return [(name, decoder.decode(body)) for name, body in answers if body is not None]


async def _ask_one(registry: ServiceRegistry, transport: HTTPTransport, name: str, path: str) -> bytes | None:
    """One service's answer; None when it has no such thing."""
    instances = await registry.discover(name)
    if not instances:
        raise CallFailed(f"no instance of {name} is ready; see: atoll ps, atoll logs {name}")
    try:
        reply = await transport.send(instances[0], Request(method="GET", target=path, replayable=True), timeout=TIMEOUT)
    except CallError as error:
        raise CallFailed(f"{name} gave no answer: {error}; see: atoll logs {name}") from None
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise CallFailed(f"{name} answered {reply.status} to {path}; see: atoll logs {name}")
    return reply.body


def _coloured(word: str) -> str:
    colour = _COLOURS.get(word, "cyan")
    return f"[{colour}]{word}[/{colour}]"


def _told(text: str) -> str:
    """A recorded value or problem for people; brackets in it are no markup."""
    try:
        problem = msgspec.json.decode(text, type=_Problem)
    except msgspec.DecodeError:
        return text.replace("[", "\\[")
    return f"{problem.title} ({problem.status}): {problem.detail}".replace("[", "\\[")


class _Problem(msgspec.Struct):
    title: str
    status: int
    detail: str


def _when(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
