"""A client that has an answer already is not sent it again."""

from __future__ import annotations

from typing import Any

import pytest

from atoll.cqrs import Kept, Route
from atoll.service.etags import tag_of, tagged
from atoll.service.http import Reply, Request

TAG = tag_of(b"[1]")


def route(kind: Any = "query", *, authenticated: bool = False) -> Route:
    return Route(
        name="r", kind=kind, authenticated=authenticated, digest=str, keep=lambda _: Kept(body=b""), restore=str
    )


async def asked(header: str, *, status: int = 200, of: Route | None = None) -> Reply:
    async def answer(_: Request) -> Reply:
        return Reply(status=status, body=b"[1]")

    request = Request(method="GET", path="/", headers={"if-none-match": header} if header else {})
    reply: Reply = await tagged(of or route(), answer)(request)
    return reply


@pytest.mark.parametrize("header", [TAG, f"W/{TAG}", f'"x", {TAG}', "*"])
async def test_who_names_the_tag_gets_no_body(header: str) -> None:
    reply = await asked(header)
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", TAG)


@pytest.mark.parametrize("header", ["", '"x"', TAG[1:-1]])
async def test_who_does_not_gets_the_answer_and_its_tag(header: str) -> None:
    reply = await asked(header)
    assert (reply.status, reply.body, reply.headers["etag"]) == (200, b"[1]", TAG)


async def test_what_is_somebody_s_is_kept_by_nobody_else() -> None:
    assert (await asked("")).headers["cache-control"] == "no-cache"
    assert (await asked("", of=route(authenticated=True))).headers["cache-control"] == "private, no-cache"


async def test_an_error_has_no_tag() -> None:
    assert (await asked(TAG, status=404)).headers == {}


async def test_a_command_has_no_tag() -> None:
    assert (await asked(TAG, of=route("command"))).headers == {}
