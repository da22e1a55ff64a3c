from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from atoll.saga import SagaFailed
from shop.contracts.payment import (
    CardDeclined,
    Charge,
    NotRefundable,
    PaymentCaptured,
    PaymentDeclined,
    PaymentNotFound,
    PaymentRefunded,
)
from shop.contracts.values import Money
from shop.services.payment import PaymentService
from tests.shop.bench import Bench, at_work
from tests.shop.fakes import FakeNetwork

At = Bench[PaymentService]


def charge(card: str = "tok_visa_4242") -> Charge:
    return Charge(order_id="o1", amount=Money(1000), card=card)


@pytest.fixture(name="network")
def _network() -> FakeNetwork:
    return FakeNetwork()


@pytest.fixture(name="at")
async def _at(tmp_path: Path, network: FakeNetwork) -> AsyncGenerator[At]:
    async with at_work(tmp_path, lambda db, _: PaymentService(db, network)) as bench:
        yield bench


async def status(at: At) -> str:
    return (await at.service.payment_ledger())[0].status


async def test_a_good_card_is_charged_and_told_of(at: At, network: FakeNetwork) -> None:
    paid = await at.call(at.service.charge, charge())
    assert (paid.status, paid.method, network.captured) == ("captured", "visa", {paid.id: 1000})
    assert [type(event) for event in await at.told()] == [PaymentCaptured]


async def test_an_order_charged_twice_is_charged_once(at: At, network: FakeNetwork) -> None:
    first = await at.call(at.service.charge, charge(), key="one")
    assert await at.call(at.service.charge, charge(), key="two") == first
    assert len(network.captured) == len(await at.told()) == 1


async def test_a_declined_card_is_a_problem_and_the_payment_is_declined(at: At) -> None:
    with pytest.raises(CardDeclined) as caught:
        await at.call(at.service.charge, charge("tok_visa_0002"))
    assert (caught.value.reason, await status(at)) == ("do_not_honor", "declined")
    told = (await at.told())[0]
    assert isinstance(told, PaymentDeclined)
    assert told.reason == "do_not_honor"


async def test_an_answer_that_is_lost_is_asked_for_again_under_the_same_key(at: At, network: FakeNetwork) -> None:
    network.silent = 3
    paid = await at.call(at.service.charge, charge())
    assert (paid.status, list(network.captured)) == ("captured", [paid.id])


async def test_a_charge_whose_outcome_came_too_late_is_given_back(at: At, network: FakeNetwork) -> None:
    network.silent = 12
    with pytest.raises(SagaFailed, match="undone"):
        await at.call(at.service.charge, charge())
    assert network.refunded == list(network.captured)
    assert await status(at) == "declined"


async def test_a_refund_is_promised_at_once_and_kept_by_a_saga(at: At, network: FakeNetwork) -> None:
    paid = await at.call(at.service.charge, charge())
    assert (await at.call(at.service.refund, paid.id)).status == "refunding"
    await at.settle()
    assert await status(at) == "refunded"
    assert network.refunded == [paid.id]


async def test_a_refund_the_network_is_slow_to_answer_is_noted_all_the_same(at: At, network: FakeNetwork) -> None:
    paid = await at.call(at.service.charge, charge())
    network.silent = 12
    await at.call(at.service.refund, paid.id)
    await at.settle()
    assert await status(at) == "refunded"


async def test_a_refund_asked_for_again_is_told_of_once(at: At) -> None:
    paid = await at.call(at.service.charge, charge())
    for _ in range(2):
        await at.call(at.service.refund, paid.id)
        await at.settle()
    assert [type(event) for event in await at.told()].count(PaymentRefunded) == 1


async def test_a_declined_payment_cannot_be_refunded(at: At) -> None:
    with pytest.raises(CardDeclined):
        await at.call(at.service.charge, charge("tok_visa_0002"))
    declined = (await at.service.payment_ledger())[0]
    with pytest.raises(NotRefundable):
        await at.call(at.service.refund, declined.id)


async def test_an_unknown_payment_cannot_be_refunded(at: At) -> None:
    with pytest.raises(PaymentNotFound):
        await at.call(at.service.refund, "nothing")


async def test_the_networks_own_books_can_be_asked_for(at: At) -> None:
    paid = await at.call(at.service.charge, charge())
    assert [entry.key for entry in await at.service.network_ledger()] == [paid.id]
