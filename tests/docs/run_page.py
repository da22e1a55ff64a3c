"""Runs the Python blocks of one page, from top to bottom, as a reader would: `python run_page.py PAGE`."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import sys
import types
from pathlib import Path
from typing import Any

from tests.docs.blocks import Block, blocks

MODULE = "page"


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


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    path = Path(sys.argv[1])
    sys.stdout.write(f"{asyncio.run(run(path, path.read_text('utf-8')))} blocks\n")
