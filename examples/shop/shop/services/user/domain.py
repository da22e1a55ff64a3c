"""The rules of accounts."""

from __future__ import annotations

import msgspec

from shop.contracts.user import Account, Register


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


def with_email(account: Account, email: str) -> Account:
    """Return the account under another address; the same account when the address is the same."""
    if account.email == normal_email(email):
        return account
    return msgspec.structs.replace(account, email=normal_email(email), revision=account.revision + 1)
