"""Durable commands a second on SQLite, with one commit for many and with one for each.

    python bench/commit.py [--json] [--rounds 3] [--seconds 1.0] [--directory DIR]

A command is what a service does with one: take the idempotency key, read a row, write it, keep an event in the outbox
and the reply, and answer once all of that is on the disk (write-ahead log, `synchronous=FULL`, everywhere). So many
callers give one after another for some time; rounds alternate, the median is told.

CPU is user and system time of the whole process, callers and thread, for one command.

- atoll: `Database.atomic`, sharing commits when that pays
- alone: the same, each unit of work with a commit of its own
- sqlite3: the like by hand on one thread that takes all the commands it finds waiting into one commit, a savepoint
  each; no unit of work: a command is one function that runs there from its start to its end, on plainer tables
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median
from threading import Thread
from typing import Final, NamedTuple

import msgspec
import uvloop
from report import Case, Report, compare, describe_machine, show

from atoll.contracts import Event, message_of
from atoll.core.context import new_context
from atoll.storage import Database, StoredReply
from atoll.storage.sqlite import SqliteEngine
from atoll.storage.sqlite.line import Pays, never, saves_time

CALLERS: Final = (1, 8, 32)
ACCOUNTS: Final = 1000
SCHEMA: Final = "CREATE TABLE IF NOT EXISTS accounts (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)"
FILL: Final = f"""
WITH RECURSIVE ids (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM ids WHERE id < {ACCOUNTS - 1})
INSERT INTO accounts SELECT id, 0 FROM ids
"""
PLAIN_TABLES: Final = """
CREATE TABLE replies (key TEXT PRIMARY KEY, fingerprint TEXT, status INTEGER, body BLOB, time REAL) WITHOUT ROWID;
CREATE INDEX replies_time ON replies (time);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, message TEXT, confirmed_at REAL);
CREATE INDEX outbox_pending ON outbox (seq) WHERE confirmed_at IS NULL;
"""
BODY: Final = b'{"balance": 1}'
MOST_AT_ONCE: Final = 128

Command = Callable[[int], Awaitable[None]]


class Paid(Event, key="account"):
    """What a command says."""

    account: int


class Round(NamedTuple):
    """What one round found: commands a second, the processor's and the caller's seconds for each."""

    rate: float
    cpu: float
    times: list[float]

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return median(self.times) * 1000

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return sorted(self.times)[len(self.times) * 99 // 100] * 1000


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="bench/commit.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a round takes")
    parser.add_argument("--directory", type=Path, help="where the files are (in memory, a commit costs nothing)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="atoll-bench-", dir=chosen.directory) as directory:
        cases = uvloop.run(_bench(Path(directory), rounds=chosen.rounds, seconds=chosen.seconds))
    show(Report(bench="commit", machine=describe_machine(), cases=cases), as_json=chosen.json)
    return 0


async def _bench(directory: Path, *, rounds: int, seconds: float) -> list[Case]:
    cases: list[Case] = []
    async with (
        on_atoll(directory / "atoll.db", saves_time) as shared,
        on_atoll(directory / "alone.db", never) as alone,
        by_hand(directory / "hand.db") as hand,
    ):
        sides: dict[str, Command] = {"atoll": shared, "alone": alone, "sqlite3": hand}
        for callers in CALLERS:
            found: dict[str, list[Round]] = {name: [] for name in sides}
            for number in range(rounds):
                for name in sides if number % 2 else reversed(sides):
                    found[name].append(await _round(sides[name], callers, seconds))
                    sys.stderr.write(f"{callers} callers, {name}: {found[name][-1].rate:.0f} commands/s\n")
            cases += _cases(callers, found)
    return cases


def _cases(callers: int, found: dict[str, list[Round]]) -> list[Case]:
    who = "1 caller" if callers == 1 else f"{callers} callers"
    measures: list[tuple[str, str, Callable[[Round], float], bool]] = [
        (f"commands, {who}", "1/s", lambda each: each.rate, True),
        (f"CPU, {who}", "us", lambda each: each.cpu * 1e6, False),
        (f"p50, {who}", "ms", lambda each: each.p50, False),
        (f"p99, {who}", "ms", lambda each: each.p99, False),
    ]
    cases: list[Case] = []
    for name, unit, measure, more_is_better in measures:
        values = {side: median(measure(each) for each in rounds) for side, rounds in found.items()}
        cases.append(compare(name, unit, values.pop("atoll"), values, more_is_better=more_is_better))
    return cases


async def _round(command: Command, callers: int, seconds: float) -> Round:
    times: list[float] = []
    end = time.perf_counter() + seconds
    began, cpu = time.perf_counter(), time.process_time()

    async def call(number: int) -> None:
        while (start := time.perf_counter()) < end:
            number += callers
            await command(number % ACCOUNTS)
            times.append(time.perf_counter() - start)

    await asyncio.gather(*(call(number) for number in range(callers)))
    spent, used = time.perf_counter() - began, time.process_time() - cpu
    return Round(len(times) / spent, used / len(times), times)


@asynccontextmanager
async def on_atoll(path: Path, pays: Pays) -> AsyncGenerator[Command]:
    """Run commands as a service does."""
    db = await Database.over(await SqliteEngine.open(path, pays=pays))
    await db.engine.script(f"{SCHEMA}; {FILL}")
    context, keys = new_context(), iter(range(sys.maxsize))

    async def command(account: int) -> None:
        key = f"k{next(keys)}"

        async def work() -> None:
            db.replies.claim(key, "f")
            balance = int(await db.fetch_value("SELECT balance FROM accounts WHERE id = $1", account))
            await db.execute("UPDATE accounts SET balance = $1 WHERE id = $2", balance + 1, account)
            db.outbox.add(message_of(Paid(account=account), source="bank", context=context, time=time.time()))
            db.replies.save(key, StoredReply(fingerprint="f", status=200, body=BODY))

        await db.atomic(work)

    yield command
    await db.close()


@asynccontextmanager
async def by_hand(path: Path) -> AsyncGenerator[Command]:
    """Run the like on one thread that shares commits."""
    jobs: SimpleQueue[Job | None] = SimpleQueue()
    thread = Thread(target=_commit_together, args=(path, jobs))
    thread.start()
    context, keys = new_context(), iter(range(sys.maxsize))
    loop = asyncio.get_running_loop()

    async def command(account: int) -> None:
        message = message_of(Paid(account=account), source="bank", context=context, time=time.time())
        done: asyncio.Future[None] = loop.create_future()
        told = partial(loop.call_soon_threadsafe, done.set_result, None)
        jobs.put(Job(account, f"k{next(keys)}", message.id, msgspec.json.encode(message), told))
        await done

    yield command
    jobs.put(None)
    thread.join()


class Job(NamedTuple):
    """A command for the thread."""

    account: int
    key: str
    id: str
    message: bytes
    told: Callable[[], object]


def _commit_together(path: Path, jobs: SimpleQueue[Job | None]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN; {SCHEMA}; {FILL}; {PLAIN_TABLES}; COMMIT"
    )
    while (job := jobs.get()) is not None:
        group = [job]
        while len(group) < MOST_AT_ONCE:
            try:
                following = jobs.get_nowait()
            except Empty:
                break
            if following is None:
                jobs.put(None)
                break
            group.append(following)
        connection.execute("BEGIN IMMEDIATE")
        for each in group:
            connection.execute("SAVEPOINT one")
            _work(connection, each)
            connection.execute("RELEASE one")
        connection.execute("COMMIT")
        for each in group:
            each.told()
    connection.close()


def _work(connection: sqlite3.Connection, job: Job) -> None:
    claim = "INSERT INTO replies (key, fingerprint, status, time) VALUES (?, ?, 0, ?) ON CONFLICT (key) DO NOTHING"
    connection.execute(claim, (job.key, "f", time.time()))
    (balance,) = connection.execute("SELECT balance FROM accounts WHERE id = ?", (job.account,)).fetchone()
    connection.execute("UPDATE accounts SET balance = ? WHERE id = ?", (balance + 1, job.account))
    connection.execute("INSERT INTO outbox (id, message) VALUES (?, ?)", (job.id, job.message))
    connection.execute("UPDATE replies SET status = 200, body = ? WHERE key = ?", (BODY, job.key))


if __name__ == "__main__":
    sys.exit(main())
