from __future__ import annotations

import pytest

from shop.contracts.payment import Charge, NotRefundable, PaymentStatus
from shop.contracts.values import Money
from shop.services.payment import domain
from tests.unit.shop.making import payment


def charge(order_id: str, amount: int = 100) -> Charge:
    return Charge(order_id=order_id, amount=Money(amount), card="tok_mastercard_4444")


def test_an_order_has_one_payment_however_often_it_is_charged() -> None:
    first, again, other = charge("o1"), charge("o1", 999), charge("o2")
    assert domain.payment_for(first).id == domain.payment_for(again).id != domain.payment_for(other).id


def test_a_card_token_names_its_brand() -> None:
    assert domain.payment_for(charge("o1")).method == "mastercard"


def test_a_token_of_another_form_is_just_a_card() -> None:
    assert domain.method_of("4242424242424242") == "card"


def test_money_taken_has_the_networks_name_for_it() -> None:
    taken = domain.captured(payment(status="pending"), "ch_1")
    assert (taken.status, taken.reference) == ("captured", "ch_1")


def test_a_captured_payment_can_be_refunded_in_two_steps() -> None:
    under_way = domain.refunding(payment(status="captured"))
    assert (under_way.status, domain.refunded(under_way).status) == ("refunding", "refunded")


@pytest.mark.parametrize("status", ["refunding", "refunded"])
def test_a_refund_asked_for_again_changes_nothing(status: PaymentStatus) -> None:
    assert domain.refunding(payment(status=status)) == payment(status=status)


@pytest.mark.parametrize("status", ["pending", "declined"])
def test_money_that_was_never_taken_cannot_be_refunded(status: PaymentStatus) -> None:
    with pytest.raises(NotRefundable):
        domain.refunding(payment(status=status))
