"""Stand-ins for what a service calls, each in a few lines and true to its contract."""

from __future__ import annotations

from shop.contracts.auth import Activate, UnknownCredential
from shop.contracts.inventory import OutOfStock, Reservation, Reserve
from shop.contracts.notification import Delivered
from shop.contracts.order import OrderInFlight
from shop.contracts.payment import CardDeclined, Charge, NetworkEntry, Payment
from shop.contracts.profile import ProfileErased
from shop.contracts.shipping import AddressRefused, Book, Parcel
from shop.contracts.values import Money
from shop.providers import CardNetworkUnavailable, MailServerUnavailable
from shop.services.notification.domain import Mail
from shop.services.payment.domain import Captured


class FakeNetwork:
    """A card network; `silent` calls do what they are asked and are never answered."""

    def __init__(self) -> None:
        self.captured: dict[str, int] = {}
        self.refunded: list[str] = []
        self.silent = 0

    async def capture(self, key: str, amount: Money, card: str) -> Captured:
        if card.endswith("0002"):
            raise CardDeclined(reason="do_not_honor")
        self.captured[key] = amount.amount
        self._answer()
        return Captured(f"ch_{key}")

    async def refund(self, key: str) -> None:
        self.refunded.append(key)
        self._answer()

    async def ledger(self, after: str, limit: int) -> list[NetworkEntry]:
        entries = [
            NetworkEntry(key=key, currency="USD", captured=amount, refunded=0)
            for key, amount in sorted(self.captured.items())
            if key > after
        ]
        return entries[:limit]

    def _answer(self) -> None:
        if self.silent > 0:
            self.silent -= 1
            raise CardNetworkUnavailable("no answer")


class FakeMailer:
    """A mail server that refuses the first `failing` messages."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.failing = 0

    async def send(self, mail: Mail) -> None:
        if self.failing > 0:
            self.failing -= 1
            raise MailServerUnavailable("try later")
        self.sent.append(mail)

    async def delivered(self, after: str, limit: int) -> list[Delivered]:
        return [Delivered(mail.id, 1) for mail in self.sent if mail.id > after][:limit]


class FakeAuth:
    """The part of `auth` that registration needs; it knows one ticket."""

    def __init__(self) -> None:
        self.active: dict[str, str] = {}

    async def activate(self, request: Activate) -> None:
        if request.credential != "t" * 20:
            raise UnknownCredential()
        self.active[request.user_id] = request.email

    async def withdraw(self, user_id: str) -> None:
        self.active.pop(user_id, None)


class FakeForgetful:
    """The parts of `profile`, `notification` and `order` that erasure needs; who is `busy` has an order in flight.

    So many calls to `forget` as `refusing` says are refused first.
    """

    def __init__(self) -> None:
        self.forgotten: list[str] = []
        self.closed: list[str] = []
        self.busy: set[str] = set()
        self.refusing = 0

    async def forget(self, user_id: str) -> None:
        if self.refusing > 0:
            self.refusing -= 1
            raise ProfileErased()
        self.forgotten.append(user_id)

    async def close(self, user_id: str) -> None:
        if user_id in self.busy:
            raise OrderInFlight()
        self.closed.append(user_id)


class FakeInventory:
    """Stock without end, but none of `SOLD-OUT`."""

    def __init__(self) -> None:
        self.state: dict[str, str] = {}

    async def reserve(self, request: Reserve) -> Reservation:
        if any(line.sku == "SOLD-OUT" for line in request.lines):
            raise OutOfStock(sku="SOLD-OUT", requested=1, available=0)
        self.state[request.order_id] = "held"
        return Reservation(id=request.order_id, order_id=request.order_id, state="held", lines=request.lines)

    async def release(self, reservation_id: str) -> None:
        self.state[reservation_id] = "released"


class FakePayments:
    """Cards are good unless they end in 0002."""

    def __init__(self) -> None:
        self.state: dict[str, str] = {}

    async def charge(self, request: Charge) -> Payment:
        if request.card.endswith("0002"):
            raise CardDeclined(reason="do_not_honor")
        self.state[request.order_id] = "captured"
        return Payment(
            id=request.order_id,
            order_id=request.order_id,
            amount=request.amount,
            method="visa",
            status="captured",
        )

    async def refund(self, payment_id: str) -> Payment:
        self.state[payment_id] = "refunded"
        return Payment(id=payment_id, order_id=payment_id, amount=Money(0), method="visa", status="refunding")


class FakeShipping:
    """Every address is good but a postcode of zeros."""

    def __init__(self) -> None:
        self.state: dict[str, str] = {}

    async def book(self, request: Book) -> Parcel:
        if request.address.postcode == "00000":
            raise AddressRefused(postcode="00000")
        self.state[request.order_id] = "booked"
        return Parcel(
            id=request.order_id,
            order_id=request.order_id,
            tracking=f"T-{request.order_id}",
            carrier="Hansa Post",
            status="booked",
            booked_at=0.0,
            max_days=3,
        )

    async def cancel(self, parcel_id: str) -> None:
        self.state[parcel_id] = "cancelled"
