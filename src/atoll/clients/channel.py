"""The way of a call from a proxy to an instance: deadline, balance, breaker, retry, transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from atoll.clients.balance import RoundRobin
from atoll.clients.codec import Codec
from atoll.clients.errors import CallError, CallTimedOut, Overloaded, Pending, Unavailable, Undone, UnexpectedReply
from atoll.clients.keys import key_for
from atoll.clients.policy import CallPolicy
from atoll.clients.port import Reply, Request, Resolver, Transport
from atoll.clients.records import CallFinished
from atoll.contracts import Operation, Problem
from atoll.core.clock import Clock
from atoll.core.context import MARGIN, Context, current, inject
from atoll.core.errors import AtollError
from atoll.core.hooks import Hooks
from atoll.discovery.port import Instance
from atoll.resilience import RetryBudget, full_jitter
from atoll.storage import RemoteCallInTransaction, in_transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every channel of a program shares. `random` returns a number from 0 up to 1."""

    resolver: Resolver
    transport: Transport
    hooks: Hooks
    clock: Clock
    random: Callable[[], float]
    policy: CallPolicy


@dataclass(slots=True, kw_only=True)
class Call:
    """One logical call under way: the same context, key and body for all its attempts."""

    codec: Codec
    context: Context
    deadline: float
    target: str
    body: bytes
    attempts: int = 0
    status: int = 0
    tried: set[str] = field(default_factory=set[str])

    def request(self) -> Request:
        """The request of the next attempt, with the time that is left now. Raises DeadlineExceeded."""
        headers = inject(self.context)
        headers["accept"] = "application/json"
        if self.body:
            headers["content-type"] = "application/json"
        return Request(
            method=self.codec.operation.method,
            target=self.target,
            headers=headers,
            body=self.body,
            replayable=True,  # a query is safe, and every command carries a key
        )


class Channel:
    """Calls the operations of one service. All channels of a process may share one transport.

    A call may take the operation's timeout, or what is left of the caller's deadline if that is less. It is
    repeated when nobody took it or its connection broke, as far as attempts, retry budget and time go; every
    attempt of a command carries the same idempotency key. While another attempt under the key is still being
    worked on (409 in_progress) it asks again until the time is up, without using up attempts.
    """

    def __init__(self, service: str, surroundings: Surroundings) -> None:
        self.service = service
        self.transport = surroundings.transport
        self._resolver = surroundings.resolver
        self._hooks = surroundings.hooks
        self._clock = surroundings.clock
        self._random = surroundings.random
        self._policy = surroundings.policy
        self._balancer = RoundRobin(surroundings.policy.breaker, surroundings.clock)
        self._budget = RetryBudget(surroundings.clock, share=surroundings.policy.retry_share)
        self._resolved = False

    async def call(self, codec: Codec, values: Sequence[Any]) -> Any:
        """Return the result of the operation for `values`, one for each of its parameters.

        Raises its declared Problems; CallError and DeadlineExceeded; RemoteCallInTransaction when a local
        transaction is open. Cancellable: the connection in use is closed.
        """
        call = self._begin(codec, values)
        started, outcome = self._clock.monotonic(), "internal"
        try:
            result = await self._persist(call)
            outcome = "ok"
            return result
        except AtollError as error:
            outcome = error.code
            if isinstance(error, CallError):
                error.operation = codec.operation.id
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            if self._hooks.wants(CallFinished):
                self._hooks.emit(_record(call, outcome, self._clock.monotonic() - started))

    def _begin(self, codec: Codec, values: Sequence[Any]) -> Call:
        operation = codec.operation
        if in_transaction():
            raise RemoteCallInTransaction(_in_transaction_message(operation))
        context = current()
        target, body = codec.encode(values)
        deadline = self._clock.monotonic() + operation.timeout
        if context.deadline is not None:
            deadline = min(deadline, context.deadline)
        child = msgspec.structs.replace(
            context,
            trace=context.trace.child(),
            deadline=deadline,
            idempotency_key=key_for(context, operation, target, body) if operation.kind == "command" else None,
        )
        self._budget.record_call()
        return Call(codec=codec, context=child, deadline=deadline, target=target, body=body)

    async def _persist(self, call: Call) -> Any:
        while True:
            try:
                return await self._attempt(call)
            except CallError as error:
                wait = self._wait_before_retry(call, error)
                if wait is None:
                    raise
            await self._clock.sleep(wait)

    async def _attempt(self, call: Call) -> Any:
        request = call.request()
        call.attempts += 1
        pick = self._balancer.pick(await self._instances(call), avoid=call.tried)
        call.tried.add(pick.instance.id)
        healthy: bool | None = None
        try:
            result = call.codec.decode(await self._send(call, pick.instance, request))
            healthy = True
            return result
        except AtollError as error:
            healthy = is_healthy(error)
            raise
        finally:
            pick.done(healthy)

    async def _send(self, call: Call, instance: Instance, request: Request) -> Reply:
        reply = await self.transport.send(instance, request, timeout=self._left(call))
        call.status = reply.status
        return reply

    async def _instances(self, call: Call) -> Sequence[Instance]:
        if self._resolved:
            return await self._resolver.instances(self.service)
        try:
            async with asyncio.timeout(self._left(call)):  # later answers come from memory and need no timer
                instances = await self._resolver.instances(self.service)
        except TimeoutError:
            raise CallTimedOut("the registry did not answer in time") from None
        self._resolved = True
        return instances

    def _wait_before_retry(self, call: Call, error: CallError) -> float | None:
        """Return the seconds to wait before another attempt; None when there must not be one."""
        if not may_repeat(error):
            return None
        wait = full_jitter(self._policy.retry, call.attempts, self._random)
        if isinstance(error, Overloaded | Pending):
            wait = max(wait, error.retry_after or 0.0)
        if wait + MARGIN >= self._left(call):
            return None
        if isinstance(error, Pending):
            return wait
        return wait if call.attempts < self._policy.retry.attempts and self._budget.spend() else None

    def _left(self, call: Call) -> float:
        return call.deadline - self._clock.monotonic()


def may_repeat(error: CallError) -> bool:
    """Tell whether the same request, which is safe or keyed, may be sent again within this call."""
    return isinstance(error, Unavailable) or (isinstance(error, Pending) and error.status == 409)


def is_healthy(error: AtollError) -> bool | None:
    """Tell what `error` says of the instance that was called: it works, it does not, or nothing (None)."""
    if isinstance(error, Problem | Pending | Undone):
        return True
    if isinstance(error, Overloaded | UnexpectedReply):
        return error.status < 500
    return False if isinstance(error, CallError) else None


def _record(call: Call, outcome: str, seconds: float) -> CallFinished:
    operation = call.codec.operation
    return CallFinished(
        contract=operation.contract,
        operation=operation.name,
        outcome=outcome,
        status=call.status,
        seconds=seconds,
        attempts=call.attempts,
        trace=call.context.trace,
    )


def _in_transaction_message(operation: Operation) -> str:
    return (
        f"{operation.id} was called while a local transaction is open, which would stay open for as long as the"
        f" network likes; make this work a saga with {operation.id} as one of its steps"
    )
