from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.contracts.shipping import AddressRefused, CountryNotServed
from shop.services.shipping import domain
from shop.services.shipping.domain import DAY, status_at
from tests.unit.shop.making import ADDRESS


def test_a_country_we_serve_has_one_quote() -> None:
    quote = domain.quote_for("DE")
    assert (quote.carrier, quote.min_days, quote.max_days) == ("Hansa Post", 2, 5)


@pytest.mark.parametrize("country", ["BR", "TH", "", "D", " "])
def test_a_country_we_do_not_serve_is_refused(country: str) -> None:
    with pytest.raises(CountryNotServed):
        domain.quote_for(country)


@pytest.mark.parametrize("postcode", ["00000", "00-000", "0"])
def test_a_postcode_of_zeros_is_refused_by_the_carrier(postcode: str) -> None:
    with pytest.raises(AddressRefused):
        domain.accepted(msgspec.structs.replace(ADDRESS, postcode=postcode))


def test_the_check_digit_is_that_of_the_standards_example() -> None:
    assert domain.check_digit("47312482") == 9


@given(st.integers(min_value=0, max_value=99_999_999))
def test_tracking_numbers_have_the_form_of_s10(serial: int) -> None:
    number = domain.tracking_number(serial)
    assert len(number) == 13
    assert number[2:11].isdecimal()


@given(st.integers(min_value=0, max_value=99_999_998))
def test_two_serials_never_share_a_number(serial: int) -> None:
    assert domain.tracking_number(serial) != domain.tracking_number(serial + 1)


def test_a_parcel_is_booked_then_on_its_way_then_there() -> None:
    seen = [status_at(now, booked_at=0.0, max_days=3, cancelled=False) for now in (0.0, DAY, 2 * DAY, 3 * DAY)]
    assert seen == ["booked", "in_transit", "in_transit", "delivered"]


def test_a_cancelled_parcel_goes_nowhere() -> None:
    assert status_at(9 * DAY, booked_at=0.0, max_days=3, cancelled=True) == "cancelled"
