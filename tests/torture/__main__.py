"""`python -m tests.torture`: the shop under torture on each pair of engines; exits 0 only if everything holds on all.

SQLite with a NATS of its own, and PostgreSQL (one that is named in ATOLL_TEST_POSTGRES_URL, one that runs here, or
one from a wheel) with RabbitMQ (the one that ATOLL_BROKER_URL names, one of its own where it is installed, or one that
runs here). On PostgreSQL two services have replicas.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from atoll.core.ids import new_id
from atoll.messaging import BrokerUnusable
from atoll.testing.postgres import NoPostgres, postgres_server
from tests.torture.rabbitmq import rabbitmq

SYSTEM: Final = "shop.system:shop"
REPORTS: Final = Path(".atoll/torture")
REPLICAS: Final = "order=2,payment=2"
RABBITMQ_PACE: Final = 1.5
"""Seconds from fault to fault: a RabbitMQ that was killed takes many to be there again, and meanwhile nobody buys."""
ENGINES: Final = ("ATOLL_DATABASE_URL", "ATOLL_BROKER_URL")


def main() -> int:
    """Run the pairs that are asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--replicas", default=REPLICAS, help="on PostgreSQL (default %(default)s)")
    parser.add_argument("--pair", choices=("sqlite-nats", "postgresql-rabbitmq", "all"), default="all")
    chosen = parser.parse_args()
    options = ["--faults", str(chosen.faults), *([] if chosen.seed is None else ["--seed", str(chosen.seed)])]
    good = True
    if chosen.pair != "postgresql-rabbitmq":
        good = tortured("sqlite-nats", options, {})
    if chosen.pair != "sqlite-nats":
        options += ["--seconds", str(max(1.0, chosen.faults * RABBITMQ_PACE)), "--replicas", chosen.replicas]
        good = on_postgres_and_rabbitmq(options, os.environ.get("ATOLL_BROKER_URL", "")) and good
    return 0 if good else 1


def on_postgres_and_rabbitmq(options: list[str], broker_url: str) -> bool:
    """Run the second pair; a server that cannot be had is told, and is a failure."""
    named = broker_url if broker_url.startswith("amqp") else ""
    try:
        with (
            rabbitmq(named) as broker,
            postgres_server(os.environ.get("ATOLL_TEST_POSTGRES_URL", "")) as server,
            databases(server) as url,
        ):
            environ = {"ATOLL_DATABASE_URL": url, **({"ATOLL_BROKER_URL": broker} if broker else {})}
            return tortured("postgresql-rabbitmq", [*options, "--broker", "rabbitmq"], environ)
    except (NoPostgres, BrokerUnusable) as error:
        print(f"postgresql-rabbitmq was not run: {error}", flush=True)
        return False


def tortured(pair: str, options: list[str], environ: Mapping[str, str]) -> bool:
    """Run `atoll torture` on one pair; return whether everything holds."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    files = ["--json", str(REPORTS / f"{pair}.json"), "--html", str(REPORTS / f"{pair}.html")]
    print(f"\n== {pair}", flush=True)
    others = {name: value for name, value in os.environ.items() if name not in ENGINES}
    done = subprocess.run(
        [sys.executable, "-m", "atoll.cli", "torture", SYSTEM, *options, *files], env={**others, **environ}, check=False
    )
    print(f"reports: {' '.join(files[1::2])}", flush=True)
    return done.returncode == 0


@contextmanager
def databases(server: str) -> Generator[str]:
    """Give the URL of databases with a prefix of their own, which services create; dropped at the end."""
    prefix = f"atoll_torture_{new_id().replace('-', '')[-12:]}_"
    try:
        yield urlsplit(server)._replace(path=f"/{prefix}{{service}}").geturl()
    finally:
        asyncio.run(_drop(server, prefix))


async def _drop(server: str, prefix: str) -> None:
    connection: Any = await asyncpg.connect(server)
    try:
        for row in await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix):
            await connection.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)')
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
