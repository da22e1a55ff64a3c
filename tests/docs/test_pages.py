"""Every Python block of README.md and docs/ runs, each page in a process and a directory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import blocks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_CODE = [page for page in PAGES if any(blocks(page.read_text("utf-8")))]

Run = Callable[[Path, Path], str]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Run a page in a directory, and return what went wrong."""
    command = [sys.executable, "-W", "error", "-m", "tests.docs.run_page"]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        asked, answers = process.stdin, process.stdout

        def run(page: Path, directory: Path) -> str:
            asked.write(f"{json.dumps([str(page), str(directory)])}\n")
            asked.flush()
            return str(json.loads(answers.readline()))

        yield run
        asked.close()


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, run: Run) -> None:
    assert run(page, tmp_path) == ""


def test_code_that_breaks_is_told_with_its_line(tmp_path: Path, run: Run) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nimport os\nos.no_such_thing\n```\n")
    assert 'page.md", line 3' in run(page, tmp_path)


def test_there_are_pages_with_code() -> None:
    assert WITH_CODE
