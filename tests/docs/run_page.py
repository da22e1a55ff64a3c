"""Runs the Python blocks of pages, from top to bottom, as a reader would: `python -m tests.docs.run_page`.

Each line of standard input is a page and a directory, as JSON; each answer a line, empty or the traceback as JSON.
A page has a process and a directory of its own. The processes are forked once the toolkit has been imported, because
that takes longer than most pages.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import json
import os
import pkgutil
import signal
import sys
import traceback
import types
from pathlib import Path
from typing import Any, NoReturn

import atoll
from tests.docs.blocks import Block, blocks

MODULE = "page"
SECONDS = 60
"""How long a page may run."""

APART = {"cli", "testing", "torture"}
"""Packages that few pages import."""


async def run(page: Path, text: str) -> int:
    """Run the blocks in the `text` of `page`, in the current directory, and return how many there were."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    found = list(blocks(text))
    for each in found:
        if each.file:
            write(each)
        elif each.fragment:
            compiled(each, page)
        else:
            await execute(compiled(each, page), vars(module))
    for each in found:
        if each.file:
            importlib.import_module(each.file.removesuffix(".py").replace("/", "."))
    return len(found)


def write(block: Block) -> None:
    """Write a block with a title to the file it names."""
    path = Path(block.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.code, "utf-8")
    importlib.invalidate_caches()


def compiled(block: Block, page: Path) -> types.CodeType:
    """Compile a block; it may await at its top level."""
    return compile(block.placed, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


async def execute(code: types.CodeType, namespace: dict[str, Any]) -> None:
    """Run compiled code to its end."""
    result = eval(code, namespace)
    if inspect.isawaitable(result):
        await result


def serve() -> None:
    """Run each page that standard input names."""
    for each in pkgutil.iter_modules(atoll.__path__):
        if each.name not in APART:
            importlib.import_module(f"atoll.{each.name}")
    for line in sys.stdin:
        page, directory = map(Path, json.loads(line))
        words = directory / "page.log"
        if (pid := os.fork()) == 0:
            become(page, directory, words)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = f"{words.read_text('utf-8')}\n{page} ended with {code}" if code else ""
        sys.stdout.write(f"{json.dumps(said)}\n")
        sys.stdout.flush()


def become(page: Path, directory: Path, words: Path) -> NoReturn:
    """In a child: run `page` in `directory`, say what there is to say to `words`, and end."""
    code = 1
    try:
        signal.alarm(SECONDS)
        with words.open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir(directory)
        sys.path.insert(0, str(directory))
        asyncio.run(run(page, page.read_text("utf-8")))
        code = 0
    except BaseException:  # noqa: BLE001 - the end of this process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
