"""A program of the tiny system: greets everyone who connects."""

from __future__ import annotations

import argparse
import asyncio


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True)
    chosen = parser.parse_args()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"hello from {chosen.name}\n".encode())
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", chosen.port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
