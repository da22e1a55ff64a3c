"""The accounts of the shop: who is a customer.

Registration takes two requests, so that a password is seen by `auth` alone: `POST /credentials` there gives a
ticket for it, and `POST /users` here, a saga, opens the account, has `auth` hand the credentials to it and only
then makes it known. No password and no hash is in a journal, an event or another service's database.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Protocol

import msgspec

from atoll.contracts import Event, Personal, Problem, Rate, command, contract, query
from shop.contracts.auth import UnknownCredential
from shop.contracts.order import OrderInFlight
from shop.contracts.values import Country, Email, Name, PageSize

LeavingReason = Literal["unused", "unhappy", "privacy", "other"]


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """A new customer. `credential` is the ticket from `POST /credentials`."""

    email: Email
    credential: Annotated[str, msgspec.Meta(min_length=20, max_length=200)]
    name: Name
    country: Country = "US"
    source: Annotated[str, msgspec.Meta(pattern="^[a-z]{1,20}$")] = "web"


class ChangeEmail(msgspec.Struct, frozen=True):
    """Another address for the account that asks."""

    email: Email


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's account. `revision` counts its changes, from 1; `created_at` is in epoch seconds.

    An `erased` one says nothing of whose it was.
    """

    id: str
    email: str
    name: str
    country: str
    created_at: float
    revision: int = 1
    erased: bool = False


ERASED: Final = "(erased)"
"""What a stored event says in the place of what was personal to somebody who asked to be forgotten."""


class UserCreated(Event, key="user_id"):
    """There is a new customer, since `created_at` (epoch seconds). Says nothing of how they sign in."""

    user_id: str
    email: Annotated[str, Personal("user_id", erased=ERASED)]
    name: Annotated[str, Personal("user_id", erased=ERASED)]
    country: str
    source: str
    created_at: float


class UserEmailUpdated(Event, key="user_id"):
    """A customer has another e-mail address."""

    user_id: str
    email: Annotated[str, Personal("user_id", erased=ERASED)]
    previous: Annotated[str, Personal("user_id", erased=ERASED)]


class UserErased(Event, key="user_id"):
    """A customer was erased: nobody can tell any more who it was."""

    user_id: str
    reason: str


class EmailTaken(Problem, status=409):
    """There is an account with this e-mail address already."""

    email: str


class AccountNotFound(Problem, status=404):
    """There is no such account."""


@contract("user", events=[UserCreated, UserEmailUpdated, UserErased])
class Users(Protocol):
    """Customer accounts."""

    @command(
        "POST /users",
        public=True,
        anonymous=True,
        limit=Rate(requests=600, seconds=60),
        raises=[EmailTaken, UnknownCredential],
        status=201,
        timeout=15.0,
    )
    async def register(self, request: Register) -> Account:
        """Open an account; its owner can sign in from then on."""
        ...

    @query("GET /users/me", public=True, raises=[AccountNotFound])
    async def me(self) -> Account:
        """The account that asks."""
        ...

    @command("PUT /users/me/email", public=True, raises=[EmailTaken, AccountNotFound])
    async def change_email(self, request: ChangeEmail) -> Account:
        """Change the address of the account that asks."""
        ...

    @command("DELETE /users/me", public=True, raises=[OrderInFlight, AccountNotFound], timeout=30.0)
    async def erase(self, reason: LeavingReason = "other") -> None:
        """Erase the customer who asks, in every service: they cannot sign in any more, and nothing tells who they were.

        Orders, payments and parcels stay, for the books, under an id that is nobody's. Repeating it is no error.
        """
        ...

    @query("GET /ledger/accounts")
    async def accounts(self, after: str = "", limit: PageSize = 500) -> list[Account]:
        """Every account in the order of ids, beginning behind `after`. For checks."""
        ...
