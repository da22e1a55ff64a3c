from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import msgspec
import pytest

from atoll.aggregates import DatabaseSubjectKeys
from shop.contracts.auth import Auth, UnknownCredential
from shop.contracts.notification import Notifications
from shop.contracts.order import OrderInFlight, Orders
from shop.contracts.profile import Profiles
from shop.contracts.user import (
    Account,
    AccountNotFound,
    ChangeEmail,
    EmailTaken,
    Register,
    UserCreated,
    UserEmailUpdated,
    UserErased,
)
from shop.services.user import UserService
from tests.shop.bench import Bench, at_work
from tests.shop.fakes import FakeAuth, FakeForgetful

At = Bench[UserService]


def register(email: str = "ann@example.org", credential: str = "t" * 20) -> Register:
    return Register(email=email, credential=credential, name="Ann", country="GB", source="app")


@pytest.fixture(name="auth")
def _auth() -> FakeAuth:
    return FakeAuth()


@pytest.fixture(name="others")
def _others() -> FakeForgetful:
    return FakeForgetful()


@pytest.fixture(name="at")
async def _at(tmp_path: Path, auth: FakeAuth, others: FakeForgetful) -> AsyncGenerator[At]:
    known = {Auth: auth, Profiles: others, Notifications: others, Orders: others}
    async with at_work(tmp_path, UserService, known) as bench:
        yield bench


async def registered(at: At, email: str = "ann@example.org") -> Account:
    return await at.call(at.service.register, register(email))


async def test_a_new_customer_can_sign_in_and_is_told_of(at: At, auth: FakeAuth) -> None:
    account = await registered(at)
    assert auth.active == {account.id: "ann@example.org"}
    told = (await at.told())[0]
    assert isinstance(told, UserCreated)
    assert (told.user_id, told.source) == (account.id, "app")


async def test_an_address_belongs_to_one_account(at: At) -> None:
    await registered(at)
    with pytest.raises(EmailTaken):
        await registered(at, "ANN@example.org")


async def test_without_a_good_credential_no_account_is_left_behind(at: At, auth: FakeAuth) -> None:
    with pytest.raises(UnknownCredential):
        await at.call(at.service.register, register(credential="x" * 20))
    assert (await at.service.accounts(), await at.told(), auth.active) == ([], [], {})


async def test_an_address_is_free_again_after_a_registration_failed(at: At) -> None:
    with pytest.raises(UnknownCredential):
        await at.call(at.service.register, register(credential="x" * 20))
    assert (await registered(at)).email == "ann@example.org"


async def test_a_registration_repeated_under_its_key_is_one_account(at: At) -> None:
    first = await at.call(at.service.register, register(), key="k")
    assert await at.call(at.service.register, register(), key="k") == first


async def test_a_customer_sees_their_own_account(at: At) -> None:
    account = await registered(at)
    assert await at.call(at.service.me, user=account.id) == account


async def test_a_stranger_has_no_account(at: At) -> None:
    with pytest.raises(AccountNotFound):
        await at.call(at.service.me, user="nobody")


async def test_an_address_can_be_changed_and_is_told_of(at: At) -> None:
    account = await registered(at)
    await at.call(at.service.change_email, ChangeEmail("new@example.org"), user=account.id)
    told = UserEmailUpdated(user_id=account.id, email="new@example.org", previous="ann@example.org")
    assert (await at.told())[-1] == told


async def test_an_address_cannot_be_changed_to_anothers(at: At) -> None:
    account = await registered(at)
    await registered(at, "bea@example.org")
    with pytest.raises(EmailTaken):
        await at.call(at.service.change_email, ChangeEmail("bea@example.org"), user=account.id)


async def test_changing_an_address_to_itself_is_no_news(at: At) -> None:
    account = await registered(at)
    await at.call(at.service.change_email, ChangeEmail("Ann@Example.org"), user=account.id)
    assert len(await at.told()) == 1


async def test_what_is_personal_is_stored_sealed_and_told_readable(at: At) -> None:
    account = await registered(at)
    await at.call(at.service.change_email, ChangeEmail("new@example.org"), user=account.id)
    stored = await at.db.fetch_value("SELECT group_concat(CAST(data AS TEXT)) FROM atoll_events")
    assert "example.org" not in stored
    assert "Ann" not in stored
    told = cast("list[UserCreated | UserEmailUpdated]", await at.told())
    assert [each.email for each in told] == ["ann@example.org", "new@example.org"]


async def test_an_account_whose_key_is_erased_names_nobody(at: At) -> None:
    account = await registered(at)
    await (await DatabaseSubjectKeys.over(at.db)).erase(account.id, now=0.0)
    left = await at.call(at.service.me, user=account.id)
    assert (left.email, left.name, left.country) == ("(erased)", "(erased)", "GB")


async def test_an_address_that_was_left_can_be_had_by_another(at: At) -> None:
    account = await registered(at)
    await at.call(at.service.change_email, ChangeEmail("new@example.org"), user=account.id)
    assert (await registered(at, "ann@example.org")).id != account.id


async def test_a_change_of_address_that_is_refused_leaves_the_account_as_it_was(at: At) -> None:
    account = await registered(at)
    await registered(at, "bea@example.org")
    with pytest.raises(EmailTaken):
        await at.call(at.service.change_email, ChangeEmail("bea@example.org"), user=account.id)
    assert await at.call(at.service.me, user=account.id) == account


async def test_the_ledger_shows_each_account_once_page_by_page(at: At) -> None:
    made = [await registered(at, f"{name}@example.org") for name in ("ann", "bea", "cyd")]
    pages = [await at.service.accounts(limit=2), await at.service.accounts(after=made[1].id, limit=2)]
    assert [each.id for page in pages for each in page] == sorted(each.id for each in made)


async def test_who_is_erased_is_forgotten_by_all_and_told_of(at: At, auth: FakeAuth, others: FakeForgetful) -> None:
    account = await registered(at)
    await at.call(at.service.erase, "privacy", user=account.id)
    assert (others.closed, auth.active, others.forgotten) == ([account.id], {}, [account.id] * 2)
    assert (await at.told())[-1] == UserErased(user_id=account.id, reason="privacy")


async def test_of_who_is_erased_no_row_keeps_the_address_and_no_key_is_left(at: At) -> None:
    account = await registered(at)
    await at.call(at.service.erase, "other", user=account.id)
    assert await at.db.fetch_value("SELECT email FROM addresses") == account.id
    assert await at.db.fetch_value("SELECT count(*) FROM atoll_subject_keys WHERE key IS NOT NULL") == 0
    assert (await at.service.accounts())[0] == msgspec.structs.replace(
        account, email="(erased)", name="(erased)", erased=True
    )


async def test_nobody_is_erased_while_an_order_of_theirs_is_in_flight(
    at: At, auth: FakeAuth, others: FakeForgetful
) -> None:
    account = await registered(at)
    others.busy.add(account.id)
    with pytest.raises(OrderInFlight, match="still being worked on"):
        await at.call(at.service.erase, "other", user=account.id)
    assert (list(auth.active), others.forgotten) == ([account.id], [])
    assert await at.call(at.service.me, user=account.id) == account


async def test_an_erasure_that_has_begun_is_carried_through_whatever_refuses_it(at: At, others: FakeForgetful) -> None:
    account = await registered(at)
    others.refusing = 2
    await at.call(at.service.erase, "other", user=account.id)
    assert others.forgotten == [account.id] * 2


async def test_an_erasure_that_comes_again_is_told_of_once(at: At) -> None:
    account = await registered(at)
    for _ in range(2):
        await at.call(at.service.erase, "other", user=account.id)
    assert [type(each) for each in await at.told()] == [UserCreated, UserErased]


async def test_who_is_erased_has_no_account_any_more(at: At) -> None:
    account = await registered(at)
    await at.call(at.service.erase, "other", user=account.id)
    with pytest.raises(AccountNotFound):
        await at.call(at.service.me, user=account.id)
    with pytest.raises(AccountNotFound):
        await at.call(at.service.change_email, ChangeEmail("new@example.org"), user=account.id)


async def test_the_address_of_who_is_erased_can_be_had_by_another(at: At) -> None:
    account = await registered(at)
    await at.call(at.service.erase, "other", user=account.id)
    assert (await registered(at)).id != account.id


async def test_who_has_no_account_cannot_be_erased(at: At, others: FakeForgetful) -> None:
    with pytest.raises(AccountNotFound):
        await at.call(at.service.erase, "other", user="nobody")
    assert others.closed == []
