"""How a program that runs as a child process is ended."""

from __future__ import annotations

import asyncio


async def end(process: asyncio.subprocess.Process, grace: float) -> None:
    """Ask the process to end, and make it after `grace` seconds."""
    process.terminate()
    try:
        async with asyncio.timeout(grace):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
