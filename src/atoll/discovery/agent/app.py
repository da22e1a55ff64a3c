"""The registry that `atoll up` embeds: an ASGI app that speaks Consul's HTTP API for one node."""

from __future__ import annotations

import asyncio
import logging
import random as random_module
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from atoll.core.clock import Clock, SystemClock
from atoll.core.ids import derived_id
from atoll.discovery.agent.asgi import Disconnected, Receive, Scope, Send, live, read_body, send_reply
from atoll.discovery.agent.probe import probe as probe_check
from atoll.discovery.agent.reads import Reading, Reads
from atoll.discovery.agent.records import CheckDefinition, Node, Outcome
from atoll.discovery.agent.request import Query, read_blocking, read_parameters
from atoll.discovery.agent.routes import WrongMethod, find, missing, read_routes, write_routes
from atoll.discovery.agent.runner import CheckRunner
from atoll.discovery.agent.signal import ChangeSignal
from atoll.discovery.agent.state import DEREGISTER_MINIMUM, Catalogue
from atoll.discovery.agent.writes import Writes
from atoll.discovery.errors import RegistryRefused

SWEEP_SECONDS: Final = 1.0
WAIT_JITTER: Final = 1 / 16

_TEXT: Final = {"content-type": "text/plain; charset=utf-8"}
_JSON: Final = {"content-type": "application/json"}

_logger = logging.getLogger(__name__)


class ConsulAgent:
    """One node's service registry: registrations, checks, and queries that may wait for a change.

    Serve it with any ASGI server that runs the lifespan events, or within `async with`; either starts the upkeep
    (time to live, taking out what is critical too long). Call `close` before the server stops: it lets waiting
    queries go, for which the server would wait otherwise. Everything is in memory; indexes begin at the
    time of day, so that they do not go back when another agent takes the place of this one.
    """

    def __init__(
        self,
        *,
        node: str = "atoll",
        address: str = "127.0.0.1",
        datacenter: str = "dc1",
        clock: Clock | None = None,
        random: Callable[[], float] = random_module.random,
        probe: Callable[[CheckDefinition], Awaitable[Outcome]] = probe_check,
        deregister_minimum: float = DEREGISTER_MINIMUM,
    ) -> None:
        self._clock = clock or SystemClock()
        self._random = random
        self.catalogue = Catalogue(start_index=int(self._clock.now()), deregister_minimum=deregister_minimum)
        identity = Node(id=derived_id("consul-node", node), name=node, address=address, datacenter=datacenter)
        self._reads = read_routes(Reads(self.catalogue, identity))
        self._writes = write_routes(Writes(self.catalogue, self._clock))
        self._signal = ChangeSignal(self._clock)
        self._runner = CheckRunner(probe, self._report, clock=self._clock, random=random)
        self._upkeep: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ConsulAgent:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def waiting(self) -> int:
        """How many queries wait for a change now."""
        return self._signal.waiting

    async def start(self) -> None:
        """Begin the upkeep. Idempotent."""
        self._upkeep = self._upkeep or asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Answer every waiting query now, and stop the checks and the upkeep. Idempotent."""
        self._signal.close()
        await self._runner.close()
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.gather(self._upkeep, return_exceptions=True)

    def fail(self, instance_id: str, output: str) -> None:
        """Let nobody be sent to an instance whose process is known to be gone, without waiting for its check.

        It is critical, with `output` to show, and not probed again until it registers anew. None of that id: no error.
        """
        if self.catalogue.fail(instance_id, output, self._clock.monotonic()):
            self._changed()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send, self.start, self.close)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        except Disconnected:
            return
        except RegistryRefused as refusal:
            allow = {"allow": refusal.allow} if isinstance(refusal, WrongMethod) else {}
            await send_reply(send, refusal.status, _TEXT | allow, refusal.reason.encode())
        except Exception:
            _logger.exception("the registry could not answer %s %s", scope["method"], scope["path"])
            await send_reply(send, 500, _TEXT, b"Internal error; the agent's log says more")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if method == "GET" and path not in self._writes and (read := find(self._reads, path)):
            query = await _query(scope, receive, read[1])
            await self._show(read[0](query), query, receive, send)
        elif method == "PUT" and (write := find(self._writes, path)):
            write[0](await _query(scope, receive, write[1]))
            self._changed()
            await send_reply(send, 200, _JSON, b"")
        else:
            raise missing(method, path, ("GET", self._reads), ("PUT", self._writes))

    async def _show(self, reading: Reading, query: Query, receive: Receive, send: Send) -> None:
        headers = dict(_JSON)
        if reading.index is not None:
            await self._block(reading.index, query, receive)
            headers |= _index_headers(reading.index())
        body = msgspec.json.encode(reading.body())
        if query.flag("pretty"):
            body = msgspec.json.format(body, indent=4)
        await send_reply(send, 200, headers, body)

    async def _block(self, index: Callable[[], int], query: Query, receive: Receive) -> None:
        asked, wait = read_blocking(query)
        if asked == 0 or asked > self.catalogue.indexes.latest:
            return  # an index that is not ours is that of an agent before us, so our answer is news
        seconds = wait * (1 + WAIT_JITTER * self._random())
        await self._signal.wait_until(lambda: index() > asked, seconds=seconds, gone=receive)

    def _report(self, check_id: str, outcome: Outcome) -> None:
        if self.catalogue.report(check_id, outcome, self._clock.monotonic()):
            level = logging.INFO if outcome.status == "passing" else logging.WARNING
            _logger.log(level, "check %s is %s: %s", check_id, outcome.status, outcome.output)
            self._changed()

    def _changed(self) -> None:
        self._runner.reconcile(self.catalogue.probes())
        self._signal.notify()

    async def _sweep(self) -> None:
        while True:
            for news in self.catalogue.sweep(self._clock.monotonic()):
                _logger.warning(news)
                self._changed()
            await self._clock.sleep(SWEEP_SECONDS)


async def _query(scope: Scope, receive: Receive, argument: str) -> Query:
    body = await read_body(receive)
    return Query(argument=argument, parameters=read_parameters(scope["query_string"]), body=body)


def _index_headers(index: int) -> dict[str, str]:
    return {"x-consul-index": str(index), "x-consul-knownleader": "true", "x-consul-lastcontact": "0"}
