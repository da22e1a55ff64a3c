"""What was told to be committed is there after kill -9, however many shared the commit."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from atoll.storage import Database
from tests.integration.storage.writers import WRITERS

TOLD = 200


async def told_before_the_kill(url: str) -> list[tuple[int, int]]:
    """Let the writers write, kill them, and return the numbers they were told, each with how many it saw before."""
    arguments = ("-m", "tests.integration.storage.writers", url)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    if process.stdout is None:
        raise TypeError("there is no pipe")
    async with asyncio.timeout(30):
        lines = [await process.stdout.readline() for _ in range(TOLD)]
        process.kill()
        lines += (await process.stdout.read()).splitlines()
        await process.wait()
    return [(int(number), int(seen)) for number, seen in (line.split() for line in lines)]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_each_write_that_was_acknowledged_is_there_after_a_kill(
    engine: str, tmp_path: Path, postgres_schema: str
) -> None:
    url = f"sqlite:///{tmp_path}/written.db" if engine == "sqlite" else postgres_schema
    told = await told_before_the_kill(url)
    db = await Database.open(url)
    found = await db.fetch_value("SELECT count(*) FROM written")
    missing = [
        number for number, _ in told if not await db.fetch_value("SELECT 1 FROM written WHERE number = $1", number)
    ]
    await db.close()
    assert (missing, len(told) >= TOLD) == ([], True)
    assert max(seen for _, seen in told) < found <= len(told) + WRITERS
