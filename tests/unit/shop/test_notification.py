from __future__ import annotations

from shop.contracts.order import OrderCancelled, OrderConfirmed
from shop.contracts.user import UserCreated
from shop.contracts.values import Money
from shop.services.notification import domain

CONFIRMED = OrderConfirmed(
    order_id="o1",
    user_id="u1",
    total=Money(1999),
    payment_id="p1",
    payment_method="visa",
    tracking="RA473124829US",
)


def cancelled(reason: str) -> OrderCancelled:
    return OrderCancelled(order_id="o1", user_id="u1", total=Money(1999), reason=reason)


def test_the_same_fact_has_the_same_message_id_each_time() -> None:
    assert domain.confirmation(CONFIRMED).letter.id == domain.confirmation(CONFIRMED).letter.id


def test_different_facts_about_an_order_have_different_message_ids() -> None:
    assert domain.confirmation(CONFIRMED).letter.id != domain.cancellation(cancelled("")).letter.id


def test_a_confirmation_tells_price_card_and_tracking_number() -> None:
    body = domain.confirmation(CONFIRMED).body
    assert all(each in body for each in ("19.99 USD", "visa", "RA473124829US"))


def test_a_cancellation_tells_why_in_plain_words() -> None:
    assert "your card was declined" in domain.cancellation(cancelled("card_declined")).body


def test_a_reason_without_words_of_its_own_blames_nobody() -> None:
    assert "something went wrong on our side" in domain.cancellation(cancelled("unavailable")).body


def test_a_new_customer_is_greeted_by_name() -> None:
    event = UserCreated(user_id="u1", email="ann@example.org", name="Ann", country="GB", source="web", created_at=0.0)
    draft = domain.welcome(event)
    assert draft.body.startswith("Hello Ann,")
    assert (draft.letter.kind, draft.letter.about) == ("welcome", "u1")
