"""The service that moves money. What the card network did is unknown until it has answered, so both ways are sagas."""

from __future__ import annotations

from atoll.saga import Saga, saga
from atoll.service import Service
from atoll.storage import Database
from shop.contracts.payment import (
    CardDeclined,
    Charge,
    NetworkEntry,
    Payment,
    PaymentCaptured,
    PaymentDeclined,
    PaymentNotFound,
    PaymentRefunded,
    Payments,
)
from shop.services.payment import domain
from shop.services.payment.domain import Captured, CardNetwork
from shop.services.payment.store import PaymentStore


class PaymentService(Service, Payments):
    """Notes the intent, asks the network under a key that never changes, notes the answer."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, network: CardNetwork) -> None:
        self.store = PaymentStore(db)
        self.network = network

    @saga
    async def charge(self, s: Saga, request: Charge) -> Payment:
        reason = "unavailable"
        try:
            noted = await s.step("note", self._note, request, undo=lambda noted: self._decline(noted, reason))
            if noted.status != "pending":
                return noted
            captured = await s.step(
                "capture",
                self.network.capture,
                noted.id,
                noted.amount,
                request.card,
                undo=lambda _: self.network.refund(noted.id),
            )
            return await s.step("settle", self._settle, noted, captured)
        except CardDeclined as declined:
            reason = declined.reason
            raise

    async def refund(self, payment_id: str) -> Payment:
        """Promise the money back, and let a saga keep the promise: the caller need not wait for the network."""
        payment = domain.refunding(await self._known(payment_id))
        if payment.status == "refunding":
            await self.store.save(payment)
            await self.start(self.give_back, payment_id, id=f"refund-{payment_id}")
        return payment

    @saga
    async def give_back(self, s: Saga, payment_id: str) -> Payment:
        # Money that went back cannot be fetched again: were the saga to unwind behind this step, it is noted too.
        await s.step("refund", self.network.refund, payment_id, undo=lambda _: self._refunded(payment_id))
        return await s.step("settle", self._refunded, payment_id)

    async def payment_ledger(self, after: str = "", limit: int = 500) -> list[Payment]:
        return await self.store.page(after, limit)

    async def network_ledger(self, after: str = "", limit: int = 500) -> list[NetworkEntry]:
        return await self.network.ledger(after, limit)

    async def _note(self, request: Charge) -> Payment:
        payment = domain.payment_for(request)
        await self.store.add(payment)
        return await self._known(payment.id)

    async def _settle(self, payment: Payment, captured: Captured) -> Payment:
        known = await self._known(payment.id)
        if known.status != "pending":
            return known
        payment = domain.captured(payment, captured.reference)
        await self.store.save(payment)
        self.emit(
            PaymentCaptured(
                payment_id=payment.id,
                order_id=payment.order_id,
                amount=payment.amount,
                payment_method=payment.method,
            )
        )
        return payment

    async def _decline(self, payment: Payment, reason: str) -> None:
        if (await self._known(payment.id)).status != "pending":
            return
        await self.store.save(domain.declined(payment))
        self.emit(
            PaymentDeclined(payment_id=payment.id, order_id=payment.order_id, amount=payment.amount, reason=reason)
        )

    async def _refunded(self, payment_id: str) -> Payment:
        payment = await self._known(payment_id)
        if payment.status == "refunded":
            return payment
        payment = domain.refunded(payment)
        await self.store.save(payment)
        self.emit(PaymentRefunded(payment_id=payment.id, order_id=payment.order_id, amount=payment.amount))
        return payment

    async def _known(self, payment_id: str) -> Payment:
        payment = await self.store.get(payment_id)
        if payment is None:
            raise PaymentNotFound()
        return payment
