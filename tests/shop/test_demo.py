"""`python -m shop.demo` ends well, and says so."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


async def demo(directory: Path, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "shop.demo", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=directory,
    )
    async with asyncio.timeout(150):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_a_small_demo_keeps_every_promise(tmp_path: Path) -> None:
    status, output = await demo(tmp_path, "--customers", "14", "--seed", "3")
    assert status == 0, output
    assert "✗" not in output
    assert output.count("✓") == 10
    assert "kill -9 order" in output
    assert "kill -9 payment" in output
    assert "p95" in output
