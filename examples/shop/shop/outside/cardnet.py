"""A card network in one process: charges and refunds over HTTP, each once for its key, in books that survive it.

    POST /charges   Idempotency-Key, {"amount", "currency", "card"}   200 {"reference"} or 402 {"reason"}
    POST /refunds   {"key"}                                           204; gives back all that the key took
    GET /ledger     ?after=&limit=                                    200 [{"key", "currency", "captured", "refunded"}]

A charge is authorised and captured at once. The last four digits of the card decide like those of test cards do.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from atoll.core import derived_id
from shop.outside.options import Faults, Options, read_options

DECLINES: Final = {
    "0002": "do_not_honor",
    "9995": "insufficient_funds",
    "0069": "expired_card",
    "0127": "incorrect_cvc",
}

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS charges (
    key TEXT PRIMARY KEY,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    card TEXT NOT NULL,
    captured INTEGER NOT NULL,
    refunded INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT ''
)
"""


class ChargeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /charges; the amount is in minor units."""

    amount: Annotated[int, msgspec.Meta(ge=1)]
    currency: str
    card: str


class RefundRequest(msgspec.Struct, frozen=True):
    """The body of POST /refunds."""

    key: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the books say under one key, in minor units."""

    key: str
    currency: str
    captured: int
    refunded: int


class Books:
    """The network's books: a SQLite file, each change durable before it is answered."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def charge(self, key: str, request: ChargeRequest) -> str:
        """Take the money, once for each key; return why it was declined, empty when it was not."""
        reason = DECLINES.get(request.card[-4:], "")
        captured = 0 if reason else request.amount
        self._db.execute(
            "INSERT INTO charges (key, amount, currency, card, captured, reason) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO NOTHING",
            (key, request.amount, request.currency, request.card[-4:], captured, reason),
        )
        row = self._db.execute("SELECT reason FROM charges WHERE key = ?", (key,)).fetchone()
        return str(row[0])

    def refund(self, key: str) -> None:
        """Give back all that `key` took; a key that took nothing yet never will."""
        self._db.execute(
            "INSERT INTO charges (key, amount, currency, card, captured, reason) "
            "VALUES (?, 0, 'USD', '', 0, 'voided') ON CONFLICT (key) DO UPDATE SET refunded = captured",
            (key,),
        )

    def page(self, after: str, limit: int) -> list[Entry]:
        rows = self._db.execute(
            "SELECT key, currency, captured, refunded FROM charges WHERE key > ? ORDER BY key LIMIT ?",
            (after, limit),
        )
        return [Entry(key=row[0], currency=row[1], captured=row[2], refunded=row[3]) for row in rows]


class CardNetworkServer:
    """The network's HTTP interface; its ledger is always told truly and at once."""

    def __init__(self, books: Books, faults: Faults) -> None:
        self._books = books
        self._faults = faults

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/charges", self._charge)
        app.router.add_post("/refunds", self._refund)
        app.router.add_get("/ledger", self._ledger)
        return app

    async def _charge(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key", "")
        charge = await _body(request, ChargeRequest)
        if not key or charge is None:
            return _json({"reason": "malformed"}, 400)

        async def work() -> web.Response:
            reason = self._books.charge(key, charge)
            if reason:
                return _json({"reason": reason}, 402)
            return _json({"reference": f"ch_{derived_id(key)[:18]}"})

        return await self._misbehaving(request, work)

    async def _refund(self, request: web.Request) -> web.StreamResponse:
        refund = await _body(request, RefundRequest)
        if refund is None:
            return _json({"reason": "malformed"}, 400)

        async def work() -> web.Response:
            self._books.refund(refund.key)
            return web.Response(status=204)

        return await self._misbehaving(request, work)

    async def _ledger(self, request: web.Request) -> web.StreamResponse:
        limit = request.query.get("limit", "500")
        if not limit.isdecimal():
            return _json({"reason": "malformed"}, 400)
        return _json(self._books.page(request.query.get("after", ""), int(limit)))

    async def _misbehaving(
        self, request: web.Request, work: Callable[[], Awaitable[web.Response]]
    ) -> web.StreamResponse:
        fault = self._faults.next_fault()
        await asyncio.sleep(self._faults.next_delay())
        if fault == "refused":
            return _json({"reason": "try_later"}, 503)
        response = await work()
        if fault == "lost" and request.transport is not None:
            request.transport.abort()
        return response


async def _body(request: web.Request, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.MsgspecError:
        return None


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM."""
    books = Books(options.data / "cardnet.db")
    faults = Faults(failing=options.failing, slow=options.slow, seed=options.seed)
    try:
        app = CardNetworkServer(books, faults).app()
        web.run_app(app, host="127.0.0.1", port=options.port, print=None, access_log=None)
    finally:
        books.close()


if __name__ == "__main__":
    serve(read_options("cardnet", sys.argv[1:]))
