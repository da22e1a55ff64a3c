"""The rules of parcels: who delivers where, tracking numbers, where a parcel is."""

from __future__ import annotations

from typing import Final

from shop.contracts.shipping import AddressRefused, CountryNotServed, ParcelStatus, Quote
from shop.contracts.values import Address

DAY: Final = 86_400.0

_ZONES: Final[tuple[tuple[str, int, int, str], ...]] = (
    ("Swift Parcel", 1, 3, "US CA"),
    ("Royal Courier", 2, 4, "GB IE"),
    ("Hansa Post", 2, 5, "DE NL BE LU AT CH DK"),
    ("Midi Express", 3, 6, "FR ES PT IT"),
    ("Nordbud", 3, 6, "SE NO FI IS EE LV LT"),
    ("Pacific Mail", 5, 10, "AU NZ JP KR SG"),
)
_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)


def quote_for(country: str) -> Quote:
    """Return who delivers to a country, and how fast. Raises CountryNotServed."""
    for carrier, min_days, max_days, countries in _ZONES:
        if country in countries.split():
            return Quote(country=country, carrier=carrier, min_days=min_days, max_days=max_days)
    raise CountryNotServed(country=country)


def accepted(address: Address) -> Quote:
    """Return the quote for an address the carrier accepts. Raises CountryNotServed or AddressRefused."""
    quote = quote_for(address.country)
    if not address.postcode.strip("0 -"):
        raise AddressRefused(postcode=address.postcode)
    return quote


def tracking_number(serial: int, country: str = "US") -> str:
    """Return the S10 number of the parcel with this serial number (UPU S10: two letters, eight digits, check)."""
    digits = f"{serial % 100_000_000:08d}"
    return f"RA{digits}{check_digit(digits)}{country}"


def check_digit(digits: str) -> int:
    """Return the check digit of eight digits (UPU S10 §5.3)."""
    remainder = 11 - sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11
    return {10: 0, 11: 5}.get(remainder, remainder)


def status_at(now: float, *, booked_at: float, max_days: int, cancelled: bool) -> ParcelStatus:
    """Return where a parcel is: collected after half a day, there after the longest time quoted."""
    if cancelled:
        return "cancelled"
    age = now - booked_at
    if age >= max_days * DAY:
        return "delivered"
    return "in_transit" if age >= DAY / 2 else "booked"
