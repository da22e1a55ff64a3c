"""A service seen from outside: what it answers, remembers, publishes and refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from atoll.contracts import Message
from atoll.core.errors import DeclarationError
from atoll.service import Service, ServiceHost
from tests.integration.service.conftest import Platform, eventually
from tests.integration.service.library import Lent, LibraryService, MembersService

LOAN = {"book": "Emma", "member": "ada"}


async def lend(platform: Platform, host: ServiceHost[Any], key: str = "", **changes: str) -> Any:
    headers = {"idempotency-key": key} if key else {}
    return await platform.request("POST", host, "/loans", json=LOAN | changes, headers=headers)


async def test_a_command_answers_its_result(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    reply = await lend(platform, library)
    assert (reply.status_code, reply.json()) == (200, LOAN)
    assert reply.headers["x-request-id"]


async def test_a_problem_is_answered_as_problem_json_with_its_fields(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    await lend(platform, library)
    reply = await lend(platform, library, member="bob")
    assert (reply.status_code, reply.headers["content-type"]) == (409, "application/problem+json")
    assert (reply.json()["code"], reply.json()["member"]) == ("already_lent", "ada")


async def test_the_same_key_gets_the_same_reply_without_doing_it_again(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    first = await lend(platform, library, "k1")
    again = await lend(platform, library, "k1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotency-replayed"] == "true"


async def test_an_answer_that_the_client_has_already_is_not_sent_again(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    tag = (await platform.request("GET", library, "/loans/Emma")).headers["etag"]
    again = await platform.request("GET", library, "/loans/Emma", headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in again.headers
    await lend(platform, library)
    later = await platform.request("GET", library, "/loans/Emma", headers={"if-none-match": tag})
    assert (later.status_code, later.json()) == (200, [LOAN])


async def test_the_same_key_with_another_request_is_refused(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    await lend(platform, library, "k1")
    reply = await lend(platform, library, "k1", book="Persuasion")
    assert (reply.status_code, reply.json()["code"]) == (422, "key_reused")


async def test_the_same_key_while_the_first_is_running_is_told_to_wait(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    headers = {"idempotency-key": "k1"}
    first = asyncio.create_task(platform.request("POST", library, "/slow", headers=headers))
    await library.service.begun.wait()
    second = await platform.request("POST", library, "/slow", headers=headers)
    library.service.go_on.set()
    assert (second.status_code, second.json()["code"]) == (409, "in_progress")
    assert (await first).status_code == 204


async def test_a_command_past_its_deadline_is_undone(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    reply = await platform.request("POST", library, "/slow")
    assert (reply.status_code, reply.json()["code"]) == (504, "deadline_exceeded")
    assert (await platform.request("GET", library, "/loans/slow")).json() == []


async def test_a_request_without_time_left_is_refused_before_work_starts(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    headers = {"x-envoy-expected-rq-timeout-ms": "0"}
    reply = await platform.request("POST", library, "/loans", json=LOAN, headers=headers)
    assert reply.status_code == 504


async def test_an_event_is_handled_by_another_service_with_its_message(platform: Platform) -> None:
    library, members = await platform.start(LibraryService), await platform.start(MembersService)
    await lend(platform, library)
    await asyncio.wait_for(members.service.heard.wait(), 5)

    async def arrived() -> bool:
        return bool((await platform.request("GET", members, "/members/ada/books")).json() == ["Emma"])

    await eventually(arrived)


async def test_an_event_that_does_not_fit_its_type_is_a_dead_letter_at_once(platform: Platform) -> None:
    members = await platform.start(MembersService)
    await platform.publish(Message(id="m1", type=Lent.event_type, source="test", time=1.0, data=b'{"book": 1}'))

    async def buried() -> bool:
        letters = (await platform.request("GET", members, "/_atoll/deadletters")).json()
        return bool([letter["error"] for letter in letters if "it is no Lent" in letter["error"]])

    await eventually(buried)


async def test_a_saga_answers_as_a_command_of_the_contract(platform: Platform) -> None:
    await platform.start(LibraryService)
    members = await platform.start(MembersService)
    reply = await platform.request("POST", members, "/borrow", json=LOAN)
    assert (reply.status_code, reply.json()) == (200, LOAN)


async def test_a_saga_that_outlasts_the_deadline_answers_202_and_is_attached_to_later(platform: Platform) -> None:
    members = await platform.start(MembersService)
    headers = {"idempotency-key": "k1", "x-envoy-expected-rq-timeout-ms": "300"}
    reply = await platform.request("POST", members, "/borrow", json=LOAN, headers=headers)
    assert (reply.status_code, reply.json()["status"]) == (202, "running")
    await platform.start(LibraryService)
    reply = await platform.request("POST", members, "/borrow", json=LOAN, headers={"idempotency-key": "k1"})
    assert (reply.status_code, reply.json()) == (200, LOAN)


async def test_a_problem_of_another_service_reaches_the_caller_through_a_saga(platform: Platform) -> None:
    library, members = await platform.start(LibraryService), await platform.start(MembersService)
    await lend(platform, library)
    reply = await platform.request("POST", members, "/borrow", json=LOAN)
    assert (reply.status_code, reply.json()["code"]) == (409, "already_lent")


async def test_a_remote_call_within_a_transaction_is_refused_and_undone(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    await platform.start(LibraryService)
    members = await platform.start(MembersService)
    reply = await platform.request("POST", members, "/borrow-wrongly", json=LOAN)
    assert reply.status_code == 500
    assert "RemoteCallInTransaction" in caplog.text
    assert (await platform.request("GET", members, "/members/x/books")).json() == []


async def test_a_keyed_command_may_ask_another_service_before_it_writes(platform: Platform) -> None:
    library, members = await platform.start(LibraryService), await platform.start(MembersService)
    await lend(platform, library)
    headers = {"idempotency-key": "k1"}
    reply = await platform.request("POST", members, "/ask-then-note", json=LOAN, headers=headers)
    assert reply.status_code == 204


async def test_an_unexpected_error_tells_nothing_but_its_request_id(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    reply = await platform.request("POST", library, "/broken")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal")
    assert "secret" not in reply.text
    assert reply.headers["x-request-id"] in reply.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("POST", "/loans", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "malformed"),
        ("POST", "/loans", {"content": b""}, 400, "malformed"),
        ("POST", "/loans", {"json": {"book": 1, "member": "a"}}, 422, "invalid"),
        ("POST", "/loans", {"json": {"book": "a"}}, 422, "invalid"),
        ("POST", "/loans", {"json": {"book": "a" * 2000, "member": "b"}}, 413, "too_large"),
        ("POST", "/loans", {"data": {"book": "a"}}, 415, "unsupported_media_type"),
        ("POST", "/loans", {"json": LOAN, "headers": {"idempotency-key": "k" * 300}}, 400, "malformed"),
        ("GET", "/nothing", {}, 404, "not_found"),
        ("PUT", "/loans", {}, 405, "method_not_allowed"),
        ("DELETE", "/loans/Emma", {}, 401, "unauthenticated"),
        ("DELETE", "/loans/Emma", {"headers": {"authorization": "Bearer x"}}, 401, "unauthenticated"),
        ("DELETE", "/loans/Emma", {"headers": {"authorization": "Basic x"}}, 401, "unauthenticated"),
    ],
)
async def test_bad_input_is_answered_with_one_clear_problem(
    platform: Platform, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    library = await platform.start(LibraryService)
    reply = await platform.request(method, library, path, **options)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_wrong_field_is_named(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    reply = await platform.request("POST", library, "/loans", json={"book": "a"})
    assert reply.json()["field"] == "member"


async def test_an_encoded_slash_stays_within_its_path_parameter(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    await lend(platform, library, book="a/b ü")
    reply = await platform.request("GET", library, "/loans/a%2Fb%20%C3%BC")
    assert reply.json() == [{"book": "a/b ü", "member": "ada"}]


async def test_probes_and_health_tell_the_state(platform: Platform) -> None:
    members = await platform.start(MembersService)
    assert (await platform.request("GET", members, "/livez")).status_code == 200
    assert (await platform.request("GET", members, "/readyz")).json() == {"status": "healthy"}
    health = (await platform.request("GET", members, "/health")).json()
    assert (health["service"], health["dependencies"]) == ("members", ["library"])


async def test_metrics_count_requests_by_route(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    await platform.request("GET", library, "/loans/Emma")
    text = (await platform.request("GET", library, "/metrics")).text
    assert 'http_requests_total{endpoint="/loans/{book}",method="GET",status="200"} 1.0' in text


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/docs", "/_atoll/sagas", "/_atoll/deadletters"])
async def test_every_service_documents_itself(platform: Platform, path: str) -> None:
    library = await platform.start(LibraryService)
    assert (await platform.request("GET", library, path)).status_code == 200


async def test_timers_run(platform: Platform) -> None:
    members = await platform.start(MembersService)

    async def ticked() -> bool:
        return bool((await platform.request("GET", members, "/ticks")).json() > 1)

    await eventually(ticked)


async def test_an_asgi_application_can_be_mounted(platform: Platform) -> None:
    api = FastAPI()

    @api.get("/hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"hello": name}

    class Mounting(LibraryService):
        mounts = {"/fast": api}

    library = await platform.start(Mounting)
    assert (await platform.request("GET", library, "/fast/hello/ada")).json() == {"hello": "ada"}


async def test_a_stopping_service_finishes_the_request_in_hand(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    request = asyncio.create_task(platform.request("POST", library, "/slow"))
    await library.service.begun.wait()
    stopping = asyncio.create_task(library.stop())
    library.service.go_on.set()
    assert (await request).status_code == 204
    await stopping


async def test_a_parameter_that_nobody_provides_is_told(platform: Platform) -> None:
    class Needy(Service):
        name = "needy"

        def __init__(self, mailer: float) -> None:
            self.mailer = mailer

    with pytest.raises(DeclarationError, match=r"Needy\(mailer\) asks for float, which nobody provides"):
        await platform.start(Needy)
