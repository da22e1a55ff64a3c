"""A process whose many writers say what they have been told is committed; it is killed while they write."""

from __future__ import annotations

import asyncio
import os
import sys

from atoll.storage import Database

WRITERS = 32


async def main(url: str) -> None:
    db = await Database.open(url)
    await db.engine.script("CREATE TABLE IF NOT EXISTS written (number BIGINT PRIMARY KEY)")

    async def write(writer: int) -> None:
        number = writer
        while True:
            async with db.transaction("read committed") as unit:
                seen = int(await db.fetch_value("SELECT count(*) FROM written"))
                await unit.execute("INSERT INTO written VALUES ($1)", number)
            os.write(1, f"{number} {seen}\n".encode())
            number += WRITERS

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
