"""The work of `atoll sagas`: through the operator's endpoints of the running services."""

from __future__ import annotations

import getpass
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from atoll.cli.errors import UsageError
from atoll.cli.finding import running_system
from atoll.cli.operator import Collection, Operator, operate
from atoll.cli.processes import duration
from atoll.core.ids import new_id
from atoll.saga import Decision, SagaRow, StepRow

ENDINGS: Final = ("completed", "compensated")
_COLOURS: Final = {
    "completed": "green",
    "compensated": "yellow",
    "parked": "red",
    "done": "green",
    "failed": "red",
    "stuck": "red",
    "unknown": "yellow",
    "skipped": "yellow",
}


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A saga, its recorded steps, and what operators decided about it."""

    saga: SagaRow
    steps: list[StepRow]
    decisions: list[Decision] = []


SAGAS: Final = Collection(path="/_atoll/sagas", kind=History, what="saga", listing="atoll sagas")


def show_sagas(root: Path, which: str, service: str) -> None:
    """Print the sagas of every service, or of one."""
    state = running_system(root, which).read()
    found = operate(state, service, lambda operator: operator.ask_each(SAGAS.path, list[SagaRow]))
    rows = [(name, saga) for name, sagas in found for saga in sagas]
    rows.sort(key=lambda row: row[1].status != "parked")
    console = Console(highlight=False)
    if not rows:
        console.print("there are no sagas")
        return
    console.print(table_of_sagas(rows, now=time.time()))


def show_saga(root: Path, which: str, service: str, saga_id: str) -> None:
    """Print the history of one saga, wherever it is. Raises CallFailed when no service has it."""
    state = running_system(root, which).read()
    name, history = operate(state, service, lambda operator: SAGAS.find(operator, saga_id))
    console = Console(highlight=False)
    for line in lines_of(name, history, now=time.time()):
        console.print(line, soft_wrap=True)


def decide(
    root: Path,
    which: str,
    service: str,
    saga_id: str,
    action: str,
    *,
    who: str,
    note: str,
    result: str | None = None,
    ending: str = "",
) -> None:
    """Let an operator decide about a parked saga, once however often the request has to be sent. Raises CallFailed."""
    body: dict[str, Any] = {"id": new_id(), "who": who or f"{getpass.getuser()}@{platform.node()}", "note": note}
    if ending:
        body["ending"] = _one_of(ending)
    if result is not None:
        body["result"] = _json(result)

    async def ask(operator: Operator) -> SagaRow:
        name, _ = await SAGAS.find(operator, saga_id)
        answer = await SAGAS.change(operator, name, saga_id, msgspec.json.encode(body), action=action)
        return msgspec.json.decode(answer, type=SagaRow)

    saga = operate(running_system(root, which).read(), service, ask)
    print(f"{saga.name} {saga.id} is {saga.status} now; see: atoll sagas show {saga.id}")


def table_of_sagas(rows: Sequence[tuple[str, SagaRow]], *, now: float) -> Table:
    """Return sagas as a table."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("Service", "Saga", "Outcome", "Took"):
        table.add_column(name, no_wrap=True)
    table.add_column("Id", overflow="fold")
    for service, saga in rows:
        took = duration((saga.ended_at or now) - saga.started_at)
        table.add_row(service, saga.name, _coloured("waiting" if saga.wake_at else saga.status), took, saga.id)
    return table


def lines_of(service: str, history: History, *, now: float) -> list[str]:
    """Return one saga's story, a line for each thing that happened, with seconds since its start."""
    saga = history.saga
    told = [(saga.started_at, "started", "", _told(saga.input)), *map(_told_step, history.steps)]
    told += [(each.time, f"{each.action} {each.step}".strip(), "", _told_decision(each)) for each in history.decisions]
    if saga.turned_at is not None:
        told.append((saga.turned_at, "turned back", "", _told(saga.cause or "")))
    if saga.ended_at is not None:
        text = _told(saga.stuck.error if saga.stuck is not None else saga.result or "")
        told.append((saga.ended_at, "ended", _coloured(saga.status), text))
    told.sort(key=lambda line: line[0])
    width = max(len(name) for _, name, _, _ in told)
    lines = [
        f"  {_after(at - saga.started_at)}  {_plain(name):<{width}}  {outcome}  {text}".rstrip()
        for at, name, outcome, text in told
    ]
    version = f" version {saga.version}" if saga.version > 1 else ""
    head = f"[bold]{service}.{saga.name}[/bold]{version} {saga.id}: {_coloured(saga.status)}"
    return [f"{head}, started {duration(now - saga.started_at)} ago", *lines, *_waiting(saga, now)]


def _told_step(step: StepRow) -> tuple[float, str, str, str]:
    name = step.name if step.kind == "step" else f"{step.kind} {step.name}"
    details = [f"after {step.attempts} attempts"] if step.attempts > 1 else []
    details += [f"in {_seconds(step.seconds)}"] if step.seconds else []
    details += [f"arguments {step.digest}"] if step.digest and step.kind == "step" else []
    about = f" ({', '.join(details)})" if details else ""
    return step.time, name, f"{_coloured(step.outcome)}{about}", _told(step.error or step.result or "")


def _told_decision(decision: Decision) -> str:
    result = f" with {decision.result}" if decision.result is not None else ""
    note = f": {decision.note}" if decision.note else ""
    return _plain(f"by {decision.who}{result}{note}")


def _waiting(saga: SagaRow, now: float) -> list[str]:
    if saga.stuck is not None:
        what = f"the undo of {saga.stuck.step}" if saga.stuck.kind == "undo" else saga.stuck.step or "its code"
        return [f"  parked at {_plain(what)}: atoll sagas retry|skip|resolve {saga.id}"]
    if saga.wake_at is None:
        return []
    what = f" for {_plain(saga.waits_for)}" if saga.waits_for else ""
    left = saga.wake_at - now
    return [f"  waits{what}" + (f", {duration(left)} at most" if left < 3e9 else "")]


def _one_of(ending: str) -> str:
    if ending not in ENDINGS:
        raise UsageError(f"a saga is resolved as {' or '.join(ENDINGS)}, not as {ending!r}")
    return ending


def _json(text: str) -> msgspec.Raw:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"--result is no JSON: {error}") from None
    return msgspec.Raw(text.encode())


def _coloured(word: str) -> str:
    colour = _COLOURS.get(word, "cyan")
    return f"[{colour}]{word}[/{colour}]"


def _told(text: str) -> str:
    """A recorded value or problem for people; brackets in it are no markup."""
    try:
        problem = msgspec.json.decode(text, type=_Problem)
    except msgspec.DecodeError:
        return _plain(text)
    return _plain(f"{problem.title} ({problem.status}): {problem.detail}")


class _Problem(msgspec.Struct):
    title: str
    status: int
    detail: str


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def _after(seconds: float) -> str:
    """Time since the start, in a column of its own."""
    text = f"+{seconds:.3f}s" if seconds < 60 else f"+{duration(seconds)}"
    return f"{text:>9}"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
