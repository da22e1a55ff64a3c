from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shop.contracts.order import OrderCancelled, OrderConfirmed
from shop.contracts.user import UserCreated, UserEmailUpdated
from shop.contracts.values import Money
from shop.services.notification import NotificationService
from tests.shop.bench import Bench, at_work
from tests.shop.fakes import FakeMailer

At = Bench[NotificationService]
CREATED = UserCreated(user_id="u1", email="ann@example.org", name="Ann", country="GB", source="web", created_at=0.0)
CONFIRMED = OrderConfirmed(
    order_id="o1", user_id="u1", total=Money(1), payment_id="p", payment_method="visa", tracking="t"
)
JOURNAL = "SELECT group_concat(input || coalesce(steps.result, '')) FROM atoll_sagas, atoll_saga_steps steps"
WELCOME, CONFIRMATION = "welcome.u1@shop.example", "order_confirmed.o1@shop.example"


@pytest.fixture(name="mailer")
def _mailer() -> FakeMailer:
    return FakeMailer()


@pytest.fixture(name="at")
async def _at(tmp_path: Path, mailer: FakeMailer) -> AsyncGenerator[At]:
    async with at_work(tmp_path, lambda db, clock: NotificationService(db, clock, mailer)) as bench:
        yield bench


async def test_a_new_customer_is_greeted(at: At, mailer: FakeMailer) -> None:
    await at.hear(CREATED)
    await at.settle()
    assert [(mail.id, mail.to) for mail in mailer.sent] == [(WELCOME, "ann@example.org")]


async def test_a_message_the_server_refuses_for_now_is_sent_again_under_its_id(at: At, mailer: FakeMailer) -> None:
    mailer.failing = 3
    await at.hear(CREATED)
    await at.settle()
    assert [mail.id for mail in mailer.sent] == [WELCOME]
    assert all(letter.sent_at for letter in await at.service.message_ledger())


async def test_a_message_sent_only_after_the_saga_gave_up_is_marked_all_the_same(at: At, mailer: FakeMailer) -> None:
    mailer.failing = 12
    await at.hear(CREATED)
    await at.settle()
    assert (await at.service.message_ledger())[0].sent_at is not None


async def test_an_order_heard_of_before_its_customer_is_written_about_later(at: At, mailer: FakeMailer) -> None:
    await at.hear(CONFIRMED)
    assert [letter.sent_at for letter in await at.service.message_ledger()] == [None]
    await at.hear(CREATED)
    await at.settle()
    assert {mail.id for mail in mailer.sent} == {CONFIRMATION, WELCOME}


async def test_a_fact_heard_twice_is_one_letter(at: At) -> None:
    for _ in range(2):
        await at.hear(CONFIRMED)
    assert [letter.id for letter in await at.service.message_ledger()] == [CONFIRMATION]


async def test_letters_go_to_the_latest_address(at: At, mailer: FakeMailer) -> None:
    await at.hear(CREATED)
    await at.hear(UserEmailUpdated(user_id="u1", email="new@example.org", previous="ann@example.org"))
    await at.hear(OrderCancelled(order_id="o1", user_id="u1", total=Money(1), reason="out_of_stock"))
    await at.settle()
    assert mailer.sent[-1].to == "new@example.org"


async def test_customers_read_their_own_letters(at: At) -> None:
    await at.hear(CREATED)
    assert [letter.id for letter in await at.call(at.service.messages, user="u1")] == [WELCOME]
    assert await at.call(at.service.messages, user="u2") == []


async def test_a_letter_that_is_gone_by_now_is_not_sent(at: At, mailer: FakeMailer) -> None:
    await at.call(at.service.deliver, "nothing")
    assert mailer.sent == []


async def test_of_who_is_forgotten_no_address_and_no_text_is_kept(at: At) -> None:
    await at.hear(CREATED)
    await at.settle()
    await at.call(at.service.forget, "u1")
    assert await at.db.fetch_value("SELECT email FROM addresses") == ""
    assert await at.db.fetch_value("SELECT group_concat(body) FROM letters") == ""
    assert await at.db.fetch_value(JOURNAL) is not None
    assert "ann@" not in await at.db.fetch_value(JOURNAL)


async def test_who_is_forgotten_is_written_to_no_more(at: At, mailer: FakeMailer) -> None:
    await at.hear(CONFIRMED)
    await at.call(at.service.forget, "u1")
    for late in (CREATED, UserEmailUpdated(user_id="u1", email="new@example.org", previous=""), CONFIRMED):
        await at.hear(late)
    await at.settle()
    assert (mailer.sent, await at.service.message_ledger()) == ([], [])
    assert await at.db.fetch_value("SELECT email FROM addresses") == ""


async def test_the_mailbox_is_the_mail_servers(at: At) -> None:
    await at.hear(CREATED)
    await at.settle()
    assert [each.id for each in await at.service.mailbox(limit=1)] == [WELCOME]
