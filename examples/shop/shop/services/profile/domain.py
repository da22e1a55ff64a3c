"""The rules of profiles."""

from __future__ import annotations

import msgspec

from shop.contracts.profile import Profile, UpdateProfile
from shop.contracts.values import Address


def updated(profile: Profile, request: UpdateProfile) -> Profile:
    """Return the profile as its owner wants it, tidied."""
    return msgspec.structs.replace(
        profile,
        name=_tidy(request.name),
        phone=_tidy(request.phone),
        address=None if request.address is None else tidy_address(request.address),
    )


def tidy_address(address: Address) -> Address:
    """Return the address without stray blanks, its postcode in capitals."""
    return Address(
        name=_tidy(address.name),
        street=_tidy(address.street),
        city=_tidy(address.city),
        postcode=_tidy(address.postcode).upper(),
        country=address.country,
    )


def _tidy(text: str) -> str:
    return " ".join(text.split())
