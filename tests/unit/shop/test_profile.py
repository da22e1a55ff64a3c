from __future__ import annotations

import msgspec

from shop.contracts.profile import Profile, UpdateProfile
from shop.services.profile import domain
from tests.unit.shop.making import ADDRESS


def test_an_update_replaces_everything_but_whose_it_is() -> None:
    before = Profile(user_id="u1", name="Ann", phone="12345", address=ADDRESS)
    assert domain.updated(before, UpdateProfile(name="Bea")) == Profile(user_id="u1", name="Bea")


def test_stray_blanks_are_dropped() -> None:
    profile = domain.updated(Profile(user_id="u1"), UpdateProfile(name="  Ann   Lee ", phone=" 0 12 "))
    assert (profile.name, profile.phone) == ("Ann Lee", "0 12")


def test_a_postcode_is_written_in_capitals() -> None:
    written = msgspec.structs.replace(ADDRESS, postcode=" yo1  7hh")
    assert domain.tidy_address(written) == ADDRESS
