"""A customer who asks to be erased is gone from every service, whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from base64 import b64encode
from contextlib import closing
from uuid import uuid4

import pytest

from atoll.system import RunningSystem
from shop.demo.run import until_quiet
from tests.shop.shopper import ADDRESS, PASSWORD, Answer, Shopper, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEFT = {"user.atoll_sagas", "user.atoll_saga_steps", "order.atoll_sagas", "user.atoll_outbox"}
"""What registration and checkout were asked and answered, and messages of the last hour: see "Erase a person"."""

REFUSED = {401, 404, 409}


def places(system: RunningSystem, text: str) -> set[str]:
    """Return the tables of all services, as `service.table`, in whose rows a text stands, plainly or in base64."""
    shapes = [text.encode(), *(_in_base64(text, behind) for behind in range(3))]
    found: set[str] = set()
    for path in system.directory.data.rglob("*.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                values = itertools.chain.from_iterable(connection.execute(f"SELECT * FROM {table}"))
                if any(shape in _bytes(value) for value in values for shape in shapes):
                    found.add(f"{path.stem}.{table}")
    return found


def _in_base64(text: str, behind: int) -> bytes:
    """Return what base64 makes of a text that stands so many bytes `behind` a multiple of three, without its edges."""
    whole = (behind + len(text)) // 3 * 4
    return b64encode(bytes(behind) + text.encode())[(0, 2, 3)[behind] : whole]


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


async def erased(customer: Shopper, key: str) -> Answer:
    """Ask to be erased until there is an answer, under one key."""
    answers: list[Answer] = []

    async def answered() -> bool:
        answers.append(await customer.send("DELETE", "/users/me?reason=privacy", key=key))
        return answers[-1].status == 204 or (answers[-1].status in REFUSED and answers[-1].code != "in_progress")

    await eventually(answered, seconds=60)
    return answers[-1]


async def sign_in(visitor: Shopper, email: str) -> Answer:
    return await visitor.send("POST", "/sessions", {"email": email, "password": PASSWORD})


async def lives_at(customer: Shopper, street: str) -> None:
    body = {"name": "Ann", "phone": "+44 1904 12345", "address": ADDRESS | {"street": street}}
    assert (await customer.send("PUT", "/profile", body)).status == 200


async def test_after_an_erasure_no_table_of_a_service_tells_who_the_customer_was(
    system: RunningSystem, ann: Shopper, visitor: Shopper
) -> None:
    street = f"{uuid4().hex} Street"
    await lives_at(ann, street)
    await ann.put("AUD-002")
    assert (await ann.check_out(street=street)).status == 200
    await until_quiet(system)
    assert places(system, ann.email) - LEFT == {"user.addresses", "auth.credentials", "notification.addresses"}
    assert places(system, street) - LEFT == {"profile.profiles"}

    assert (await erased(ann, uuid4().hex)).status == 204
    assert (await sign_in(visitor, ann.email)).code == "invalid_credentials"
    assert places(system, ann.email) | places(system, street) <= LEFT
    violations = await until_quiet(system)
    assert [wrong for wrong in violations.values() if wrong] == []


async def test_a_session_of_somebody_erased_can_do_nothing_any_more(ann: Shopper) -> None:
    assert (await erased(ann, uuid4().hex)).status == 204
    refreshed = await ann.send("POST", "/sessions/refresh", {"refresh_token": ann.refresh_token})
    profile = await ann.send("PUT", "/profile", {"name": "Ann"})
    await ann.put("AUD-002")
    answers = [refreshed, await ann.get("/users/me"), profile, await ann.check_out()]
    codes = ["invalid_refresh_token", "account_not_found", "profile_erased", "customer_gone"]
    assert [each.code for each in answers] == codes


async def test_an_erasure_repeated_is_no_error_and_frees_the_address(ann: Shopper, visitor: Shopper) -> None:
    key = uuid4().hex
    assert [(await erased(ann, each)).status for each in (key, key, uuid4().hex)] == [204, 204, 204]
    ticket = (await visitor.send("POST", "/credentials", {"password": PASSWORD})).document["credential"]
    body = {"email": ann.email, "credential": ticket, "name": "Ann"}
    assert (await visitor.send("POST", "/users", body)).status == 201


async def test_a_customer_need_not_say_why_they_leave(ann: Shopper) -> None:
    assert (await ann.send("DELETE", "/users/me")).status == 204


async def test_who_has_no_account_cannot_be_erased(admin: Shopper) -> None:
    assert (await erased(admin, uuid4().hex)).code == "account_not_found"


async def test_an_erasure_killed_between_its_steps_goes_on_to_its_end(
    system: RunningSystem, ann: Shopper, visitor: Shopper
) -> None:
    key, street = uuid4().hex, f"{uuid4().hex} Street"
    await lives_at(ann, street)
    system.hold("profile")
    system.kill("profile")
    asking = asyncio.create_task(erased(ann, key))

    async def signed_out() -> bool:
        return (await sign_in(visitor, ann.email)).status == 401

    await eventually(signed_out)
    system.kill("user")
    system.release("profile")
    assert (await asking).status == 204
    assert places(system, ann.email) | places(system, street) <= LEFT
    violations = await until_quiet(system)
    assert [wrong for wrong in violations.values() if wrong] == []
