"""Runs mypy and pyright over the cases and reads which lines each of them refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).with_name("cases")
MARK = "# error"

Line = tuple[str, int]
"""A file's name and the number of a line in it."""


def expected() -> frozenset[Line]:
    """The lines that end with `# error`."""
    return frozenset(
        (path.name, number)
        for path in CASES.glob("*.py")
        for number, text in enumerate(path.read_text("utf-8").splitlines(), 1)
        if text.endswith(MARK)
    )


def refused_by_mypy() -> frozenset[Line]:
    """The lines in which mypy finds an error."""
    found = [json.loads(line) for line in _run("mypy", "--output=json").splitlines()]
    return frozenset((Path(each["file"]).name, each["line"]) for each in found if each["severity"] == "error")


def refused_by_pyright() -> frozenset[Line]:
    """The lines in which pyright finds an error."""
    found = json.loads(_run("pyright", "--outputjson"))["generalDiagnostics"]
    return frozenset(
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in found if each["severity"] == "error"
    )


def _run(checker: str, *options: str) -> str:
    command = [sys.executable, "-m", checker, *options, str(CASES.relative_to(ROOT))]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if finished.returncode not in (0, 1):
        raise RuntimeError(f"{checker} could not check the cases: {finished.stdout}{finished.stderr}")
    return finished.stdout


def told(lines: frozenset[Line]) -> list[str]:
    """Write lines for people, in order."""
    return [f"{name}:{number}" for name, number in sorted(lines)]
