"""The rules of accounts. An account is what its events say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from shop.contracts.user import ERASED, Account, AccountNotFound, Register, UserCreated, UserEmailUpdated, UserErased

NOBODY: Final = Account(id="", email="", name="", country="", created_at=0.0)


def normal_email(email: str) -> str:
    """Return the one form under which an address is stored and found."""
    return email.strip().casefold()


def open_account(request: Register, *, user_id: str, now: float) -> Account:
    """Return the account that a registration asks for."""
    return Account(
        id=user_id,
        email=normal_email(request.email),
        name=request.name.strip(),
        country=request.country,
        created_at=now,
    )


def creation(account: Account, source: str) -> UserCreated:
    """Return the event that an account begins with."""
    return UserCreated(
        user_id=account.id,
        email=account.email,
        name=account.name,
        country=account.country,
        source=source,
        created_at=account.created_at,
    )


@dataclass
class Customer:
    """An account, folded from its events."""

    account: Account = NOBODY

    def move(self, email: str) -> UserEmailUpdated | None:
        """Decide on another address; None when it is the same. Raises AccountNotFound for somebody erased."""
        if self.account.erased:
            raise AccountNotFound()
        if self.account.email == normal_email(email):
            return None
        return UserEmailUpdated(user_id=self.account.id, email=normal_email(email), previous=self.account.email)

    def erase(self, reason: str) -> UserErased | None:
        """Decide to be nobody; None when it is so already."""
        return None if self.account.erased else UserErased(user_id=self.account.id, reason=reason)

    def apply(self, event: UserCreated | UserEmailUpdated | UserErased) -> None:
        match event:
            case UserCreated():
                self.account = Account(
                    id=event.user_id,
                    email=event.email,
                    name=event.name,
                    country=event.country,
                    created_at=event.created_at,
                )
            case UserEmailUpdated():
                revision = self.account.revision + 1
                self.account = msgspec.structs.replace(self.account, email=event.email, revision=revision)
            case UserErased():
                self.account = msgspec.structs.replace(self.account, email=ERASED, name=ERASED, erased=True)
