"""One connection to NATS that comes back by itself, and requests over it that fail as soon as it is lost.

nats-py's own reconnection is not used: it gives up on some errors of the server, and sends what was published
meanwhile after its caller has given up on it. Here a lost connection fails everything at once, and a fresh one
is made with a growing pause for as long as it takes.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from random import random
from typing import Any, Final
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from atoll.messaging.errors import BrokerUnavailable, BrokerUnusable, MessageRefused
from atoll.messaging.nats.cancellation import cancellable
from atoll.messaging.nats.client import QuickClient
from atoll.resilience import RetryPolicy, full_jitter

CONNECT_TIMEOUT: Final = 2
CLOSE_TIMEOUT: Final = 2.0
PING_INTERVAL: Final = 10
WATCH_SECONDS: Final = 1.0
REDIAL: Final = RetryPolicy(base=0.05, cap=2.0)

SYNCED: Final = "atoll-sync-always"
"""What a server is called that we have set up ourselves: it confirms what is on its disk."""

_logger = logging.getLogger(__name__)


class NobodyListens(BrokerUnavailable):
    """The server is there, and nothing takes what was sent: JetStream is not up, or the stream is gone."""


class NatsLink:
    """A connection to the server at `url`. `prepare` is run on each fresh connection before it counts as up."""

    def __init__(self, url: str, *, name: str, prepare: Callable[[], Awaitable[None]]) -> None:
        self.place = without_password(url)
        self._servers = _servers(url)
        self._name = name
        self._prepare = prepare
        self._client: Client | None = None
        self._replies = _Replies()
        self._redial: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closed = False
        self._cause: Exception | None = None
        self.server = ""
        """The name of the server that was connected to last."""

    @property
    def up(self) -> bool:
        """True while a connection is there and nothing is known against it."""
        return self._client is not None and self._client.is_connected

    async def open(self) -> None:
        """Connect once. Raises BrokerUnavailable when nobody answers, BrokerUnusable when it cannot work."""
        client = QuickClient()
        try:
            await cancellable(self._connect(client))
            self._client = client
            self.server = _name_of(client)
            await self._replies.listen(client)
            await self._prepare()
            self._connected()
            self._watch = self._watch or asyncio.get_running_loop().create_task(self._look_after())
        except (nats.errors.Error, OSError, TimeoutError) as error:
            await self._drop(client)
            if _refused(self._cause) or _refused(error):
                raise BrokerUnusable(
                    f"NATS at {self.place} refused the user or the password; correct ATOLL_BROKER_URL"
                ) from error
            raise BrokerUnavailable(f"cannot connect to NATS at {self.place}: {self._cause or error}") from error
        except BaseException:
            await self._drop(client)
            raise

    async def request(
        self, subject: str, data: bytes, *, timeout: float, headers: Mapping[str, str] | None = None
    ) -> Msg:
        """Send and wait for the reply. Raises BrokerUnavailable when there is none within `timeout` seconds."""
        with self._replies.expect(timeout) as (reply_to, reply):
            await self.send(subject, data, reply=reply_to, headers=headers)
            msg = await reply
        if (msg.headers or {}).get("Status") == "503":
            raise NobodyListens(f"JetStream at {self.place} does not answer yet, or is not enabled there")
        return msg

    async def send(
        self, subject: str, data: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send without waiting for anything. Raises BrokerUnavailable when there is no connection."""
        client = self._connected()
        try:
            await cancellable(client.publish(subject, data, reply, dict(headers) if headers else None))
        except nats.errors.MaxPayloadError as error:
            raise MessageRefused(f"{len(data)} bytes are more than the broker takes in one message") from error
        except (nats.errors.Error, OSError) as error:
            raise BrokerUnavailable(f"the connection to {self.place} failed: {error}") from error

    async def listen(
        self, callback: Callable[[Msg], Awaitable[None]], *, subject: str = ""
    ) -> tuple[str, Subscription]:
        """Give what is sent to `subject`, or else to a new inbox, to `callback`, one message at a time."""
        client = self._connected()
        subject = subject or client.new_inbox()
        return subject, await _subscribe(client, subject, callback)

    async def close(self) -> None:
        """Disconnect for good. Idempotent."""
        self._closed = True
        for task in filter(None, (self._watch, self._redial)):
            task.cancel()
            await asyncio.wait([task])
        if self._client is not None:
            await self._drop(self._client)

    def _connected(self) -> Client:
        if self._client is None or not self._client.is_connected:
            raise BrokerUnavailable(f"there is no connection to {self.place} at the moment")
        return self._client

    async def _connect(self, client: Client) -> None:
        async def noted(error: Exception) -> None:
            self._cause = error
            _logger.debug("NATS at %s: %s", self.place, error)

        async def lost() -> None:
            self._lost(client)

        await client.connect(
            self._servers,
            name=self._name,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=CONNECT_TIMEOUT,
            ping_interval=PING_INTERVAL,
            error_cb=noted,
            closed_cb=lost,
        )

    async def _drop(self, client: Client) -> None:
        if self._client is client:
            self._client = None
        self._replies.fail(f"the connection to {self.place} was closed")
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await client.close()
        except (nats.errors.Error, OSError, TimeoutError) as error:
            _logger.debug("closing the connection to %s: %r", self.place, error)

    def _lost(self, client: Client) -> None:
        if self._client is not client or self._closed:
            return
        self._client = None
        self._replies.fail(f"the connection to {self.place} was lost")
        if self._redial is None or self._redial.done():
            _logger.warning("the connection to %s was lost; connecting again", self.place)
            self._redial = asyncio.get_running_loop().create_task(self._come_back())

    async def _look_after(self) -> None:
        """Notice a client that was closed without a word, as nats-py does when closing fails half-way."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._client is not None and self._client.is_closed:
                self._lost(self._client)

    async def _come_back(self) -> None:
        for attempt in itertools.count(1):
            await asyncio.sleep(full_jitter(REDIAL, attempt, random))
            try:
                await self.open()
            except BrokerUnavailable as error:
                _logger.debug("%s", error)
            except Exception:
                _logger.exception("connecting again to %s failed; trying on", self.place)
            else:
                _logger.info("connected again to %s", self.place)
                return


class _Replies:
    """One inbox for the replies to all requests, each told from the others by its last token."""

    def __init__(self) -> None:
        self._inbox = ""
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Msg]] = {}

    async def listen(self, client: Client) -> None:
        """Take replies from `client` from now on."""
        self._inbox = client.new_inbox()
        await _subscribe(client, f"{self._inbox}.*", self._arrived)

    @contextmanager
    def expect(self, timeout: float) -> Generator[tuple[str, asyncio.Future[Msg]]]:
        """Yield a subject to reply to, and the reply to come; it fails after `timeout` seconds."""
        loop, token = asyncio.get_running_loop(), str(next(self._numbers))
        reply: asyncio.Future[Msg] = loop.create_future()
        timer = loop.call_later(timeout, _fail, reply, f"the broker gave no answer within {timeout:g} s")
        self._waiting[token] = reply
        try:
            yield f"{self._inbox}.{token}", reply
        finally:
            timer.cancel()
            reply.cancel()
            del self._waiting[token]

    def fail(self, reason: str) -> None:
        """Fail everything that is waited for."""
        for reply in self._waiting.values():
            _fail(reply, reason)

    async def _arrived(self, msg: Msg) -> None:
        reply = self._waiting.get(msg.subject.rpartition(".")[2])
        if reply is not None and not reply.done():
            reply.set_result(msg)


async def _subscribe(client: Any, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> Subscription:
    subscription: Subscription = await cancellable(client.subscribe(subject, cb=callback))  # partly untyped
    return subscription


def _name_of(client: Any) -> str:
    """Return what the server calls itself, which the client keeps and does not give out."""
    return str(getattr(client, "_server_info", {}).get("server_name", ""))


def _fail(reply: asyncio.Future[Msg], reason: str) -> None:
    if not reply.done():
        reply.set_exception(BrokerUnavailable(reason))


def _servers(url: str) -> list[str]:
    servers = url.split(",")
    for each in servers:
        try:
            usable = urlsplit(each).scheme == "nats" and urlsplit(each).hostname and urlsplit(each).port != 0
        except ValueError:
            usable = False
        if not usable:
            raise BrokerUnusable(f"the broker URL {without_password(each)!r} is not usable; write nats://host:port")
    return servers


def without_password(url: str) -> str:
    """Return `url` as it may be shown and logged."""
    return re.sub(r"//[^@/]*@", "//", url)


def _refused(error: BaseException | None) -> bool:
    """Tell whether a server did not want us, even when its hanging up has hidden that behind another error."""
    while error is not None and "authorization violation" not in str(error).lower():
        error = error.__cause__ or error.__context__
    return error is not None
