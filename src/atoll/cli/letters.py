"""The work of `atoll deadletters`: through the operator's endpoints of the running services."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from rich.console import Console

from atoll.cli.errors import CallFailed, UsageError
from atoll.cli.finding import running_system
from atoll.cli.operator import Collection, Operator, operate
from atoll.cli.processes import duration

HANDLER_SECONDS: Final = 60.0
"""How long a handler may take while a letter is replayed, before the command gives up waiting for it."""


class LetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a service gave up on; `data` is its event as JSON text."""

    id: str
    consumer: str
    type: str
    key: str
    error: str
    attempts: int
    time: float
    data: str


class WholeLetter(LetterView, frozen=True, kw_only=True):
    """All there is of it."""

    traceback: str
    headers: dict[str, str]
    edits: int


LETTERS: Final = Collection(
    path="/_atoll/deadletters", kind=WholeLetter, what="dead letter", listing="atoll deadletters"
)


class Failure(msgspec.Struct, frozen=True):
    """A letter that failed again."""

    id: str
    key: str
    error: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay; `after` is not None when it is not at its end."""

    handled: int
    failed: list[Failure]
    after: int | None


def list_letters(root: Path, which: str, service: str, *, key: str) -> None:
    """Print the dead letters of every service, or of one, or of one key."""
    path = f"{LETTERS.path}?key={quote(key, safe='')}" if key else LETTERS.path
    found = operate(
        running_system(root, which).read(), service, lambda operator: operator.ask_each(path, list[LetterView])
    )
    console = Console(highlight=False)
    letters = [(name, letter) for name, letters in found for letter in letters]
    if not letters:
        console.print("there are no dead letters")
    for name, letter in letters:
        key_shown = f" [dim]key[/dim] {_plain(letter.key)}" if letter.key else ""
        console.print(f"[bold]{name}[/bold] {_plain(letter.id)} {_plain(letter.type)}{key_shown}", soft_wrap=True)
        told = f"  {_tries(letter.attempts)}, {duration(time.time() - letter.time)} ago: {letter.error}"
        console.print(told, soft_wrap=True, markup=False)
        console.print(f"  {letter.data}", soft_wrap=True, markup=False)


def show_letter(root: Path, which: str, service: str, letter_id: str) -> None:
    """Print one letter: headers, data, and the end of the traceback of its error. Raises CallFailed."""
    state = running_system(root, which).read()
    name, letter = operate(state, service, lambda operator: LETTERS.find(operator, letter_id))
    console = Console(highlight=False)
    console.print(f"[bold]{name}[/bold] {_plain(letter.id)}", soft_wrap=True)
    lines = [f"{field}: {value}" for field, value in letter.headers.items()]
    edited = f", edited {letter.edits} times" if letter.edits else ""
    lines += ["", _indented(letter.data), "", f"{_tries(letter.attempts)}{edited}: {letter.error}", letter.traceback]
    for line in lines:
        console.print(line.rstrip(), soft_wrap=True, markup=False)


def edit_letter(root: Path, which: str, service: str, letter_id: str, *, data: str | None) -> None:
    """Replace the data of a letter: by `data`, by standard input when that is `-`, else in the user's editor."""

    async def edit(operator: Operator) -> str:
        name, letter = await LETTERS.find(operator, letter_id)
        changed = _typed(letter) if data is None else sys.stdin.read() if data == "-" else data
        if _same(changed, letter.data):
            return "nothing was changed"
        await LETTERS.change(operator, name, letter_id, changed.encode())
        return f"changed; now: atoll deadletters replay {letter_id}"

    print(operate(running_system(root, which).read(), service, edit))


def replay_letters(root: Path, which: str, service: str, *, letter_id: str, key: str, everything: bool) -> bool:
    """Replay letters until none is left to try; tell how many were handled, and which failed again. False if any."""
    if [bool(letter_id), bool(key), everything].count(True) != 1:
        raise UsageError("say which dead letters to replay: an id, or --key KEY, or --all")

    async def replay(operator: Operator) -> list[tuple[str, Outcome]]:
        if letter_id:
            name, letter = await LETTERS.find(operator, letter_id)
            first = await _replayed(operator, name, {"id": letter_id})
            following = await _to_the_end(operator, name, {"key": letter.key}, first)
            return [(name, following)]
        which_ones: dict[str, str] = {"key": key} if key else {}
        outcomes = [(name, await _replayed(operator, name, which_ones)) for name in operator.names]
        found = [(name, outcome) for name, outcome in outcomes if outcome is not None]
        if key and not found:
            raise CallFailed(f"no service has a dead letter with the key {key!r}; see: atoll deadletters")
        return [(name, await _to_the_end(operator, name, which_ones, outcome)) for name, outcome in found]

    return _tell(operate(running_system(root, which).read(), service, replay))


def discard_letter(root: Path, which: str, service: str, letter_id: str, *, reason: str) -> bool:
    """Give a message up for good, which lets those behind it go on. Raises CallFailed."""

    async def discard(operator: Operator) -> list[tuple[str, Outcome]]:
        name, letter = await LETTERS.find(operator, letter_id)
        body = msgspec.json.encode({"reason": reason})
        answer = await LETTERS.change(operator, name, letter_id, body, action="discard", timeout=HANDLER_SECONDS)
        outcome = msgspec.json.decode(answer, type=Outcome)
        return [(name, await _to_the_end(operator, name, {"key": letter.key}, outcome))]

    outcomes = operate(running_system(root, which).read(), service, discard)
    print(f"{letter_id} is discarded")
    return _tell(outcomes) if any(each.handled or each.failed for _, each in outcomes) else True


async def _replayed(operator: Operator, name: str, which_ones: dict[str, str] | dict[str, int]) -> Outcome | None:
    body = msgspec.json.encode(which_ones)
    answer = await operator.ask(name, "POST", f"{LETTERS.path}/replay", body=body, timeout=HANDLER_SECONDS)
    return None if answer is None else msgspec.json.decode(answer, type=Outcome)


async def _to_the_end(operator: Operator, name: str, which_ones: dict[str, str], outcome: Outcome | None) -> Outcome:
    """Go on where the service has stopped to be heard from."""
    handled, failed = 0, list[Failure]()
    while outcome is not None:
        handled += outcome.handled
        failed += outcome.failed
        if outcome.after is None:
            break
        outcome = await _replayed(operator, name, which_ones or {"after": outcome.after})
    return Outcome(handled=handled, failed=failed, after=None)


def _tell(outcomes: Sequence[tuple[str, Outcome]]) -> bool:
    for name, outcome in outcomes:
        if outcome.handled or outcome.failed:
            print(f"{name}: {outcome.handled} handled, {len(outcome.failed)} failed again")
        for failure in outcome.failed:
            print(f"  {failure.id}: {failure.error}")
    if not any(outcome.handled or outcome.failed for _, outcome in outcomes):
        print("there was nothing to replay")
    return not any(outcome.failed for _, outcome in outcomes)


def _typed(letter: LetterView) -> str:
    """Let the user change the data in an editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UsageError("there is no editor: set EDITOR, or give the new data with --data JSON or --data - (stdin)")
    with tempfile.NamedTemporaryFile("w+", suffix=".json", encoding="utf-8") as file:
        file.write(_indented(letter.data) + "\n")
        file.flush()
        try:
            code = subprocess.run([*shlex.split(editor), file.name], check=False).returncode
        except OSError as error:
            raise CallFailed(f"the editor {editor!r} cannot be started: {error}") from None
        if code != 0:
            raise CallFailed(f"the editor {editor!r} ended with {code}; nothing was changed")
        return Path(file.name).read_text("utf-8")


def _same(one: str, other: str) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return one == other


def _indented(data: str) -> str:
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except ValueError:
        return data


def _tries(attempts: int) -> str:
    if not attempts:
        return "not tried"
    return f"{attempts} attempt{'s' if attempts > 1 else ''}"


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
