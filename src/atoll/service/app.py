"""The ASGI application of a service: one dispatch, compiled from the contract, for everything it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from atoll.core import context as contexts
from atoll.core.context import Context, Principal
from atoll.core.crashing import crash_point
from atoll.core.hooks import Hooks
from atoll.core.machine import machine
from atoll.observability.records import UNMATCHED, RequestFinished, RequestStarted
from atoll.service.errors import BodyTooLarge, MalformedRequest
from atoll.service.http import Reply, Request
from atoll.service.pipeline import Endpoint
from atoll.service.problems import error_type, problem_reply
from atoll.service.router import Router

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Plain = Callable[[Request], Awaitable[Reply]]
Authenticate = Callable[[str], Awaitable[Principal | None]]

MAX_OPERATOR_BODY: Final = 1 << 20
NOT_MODIFIED: Final = 304
"""Has no body, and must not tell the length of the one that it stands for unless it is right (RFC 9110 §8.6)."""

ANSWERING: Final = crash_point("reply.sending")


class ServiceApp:
    """`routes` are (method, template, target); a target is an operation's endpoint or a plain handler."""

    def __init__(
        self,
        name: str,
        router: Router[Endpoint | Plain],
        *,
        authenticate: Authenticate,
        sample: Callable[[], bool],
        hooks: Hooks,
        mounts: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._name = name
        self._router = router
        self._authenticate = authenticate
        self._sample = sample
        self._hooks = hooks
        self._mounts = sorted(mounts.items(), key=lambda mount: -len(mount[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mounted = self._mounted(scope)
        if mounted is not None:
            await mounted(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003, "reason": "this service has no websockets"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = machine().monotonic()
        self._hooks.emit(RequestStarted(service=self._name))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        context = contexts.extract(headers, sampled="traceparent" not in headers and self._sample())
        contexts.set_current(context)
        endpoint, kind = UNMATCHED, ""
        status = 500
        try:
            try:
                path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
                match = self._router.match(scope["method"], path)
                endpoint = match.template
                request = _request(scope, path, headers, match.parameters)
                reply = await self._run(match.target, request, context, receive)
            except Exception as error:  # noqa: BLE001 - the request boundary: every error becomes an answer
                kind = error_type(error)
                reply = problem_reply(error, request_id=context.request_id)
            status = reply.status
            ANSWERING.reached()
            await _send(send, reply, context, head=scope["method"] == "HEAD")
        finally:
            self._hooks.emit(
                RequestFinished(
                    service=self._name,
                    method=scope["method"],
                    endpoint=endpoint,
                    status=status,
                    error_type=kind,
                    seconds=machine().monotonic() - began,
                    trace=context.trace,
                )
            )

    async def _run(self, target: Endpoint | Plain, request: Request, context: Context, receive: Receive) -> Reply:
        if not isinstance(target, Endpoint):
            request.body = await _body(request, receive, MAX_OPERATOR_BODY)
            return await target(request)
        operation = target.operation
        deadline = machine().monotonic() + operation.timeout
        context = msgspec.structs.replace(
            context,
            deadline=deadline if context.deadline is None else min(deadline, context.deadline),
            principal=await self._authenticate(request.headers.get("authorization", "")),
        )
        contexts.set_current(context)
        request.body = await _body(request, receive, operation.max_body)
        return await target.handle(request)

    def _mounted(self, scope: Scope) -> Callable[..., Any] | None:
        path = scope.get("path", "")
        for prefix, app in self._mounts:
            if path == prefix or path.startswith(prefix + "/"):
                scope["root_path"] = scope.get("root_path", "") + prefix
                return app
        return None


def _request(scope: Scope, path: str, headers: Mapping[str, str], parameters: dict[str, str]) -> Request:
    try:
        parameters = {name: unquote(value, errors="strict") for name, value in parameters.items()}
    except UnicodeDecodeError as error:
        raise MalformedRequest("the path is not UTF-8") from error
    return Request(
        method=scope["method"],
        path=path,
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        parameters=parameters,
    )


async def _body(request: Request, receive: Receive, limit: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise BodyTooLarge(f"the body has {length} bytes; {limit} are allowed here")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedRequest("the client left before its request was whole")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise BodyTooLarge(f"the body is larger than the {limit} bytes allowed here")
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _send(send: Send, reply: Reply, context: Context, *, head: bool) -> None:
    headers = [(b"x-request-id", context.request_id.encode("latin-1"))]
    if reply.status != NOT_MODIFIED:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    if reply.body:
        headers.append((b"content-type", reply.content_type.encode()))
    headers.extend((name.encode(), value.encode("latin-1")) for name, value in reply.headers.items())
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})
