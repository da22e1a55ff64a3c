from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.security import SigningKeys, UnusableKeys
from atoll.security.jose import Algorithm
from atoll.security.tokens import read_header
from tests.unit.security.fakes import ManualClock

LEAD, KEEP = 900.0, 7200.0


def kids(keys: SigningKeys) -> list[str]:
    return [key["kid"] for key in keys.jwks()["keys"]]


def signs(keys: SigningKeys) -> str:
    return read_header(keys.sign({"sub": "x"})).kid


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_a_published_key_says_what_it_is_for(clock: ManualClock, algorithm: Algorithm) -> None:
    (key,) = SigningKeys.generate(algorithm, clock=clock).jwks()["keys"]
    assert (key["alg"], key["use"]) == (algorithm, "sig")


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_nothing_private_is_published(clock: ManualClock, algorithm: Algorithm) -> None:
    (key,) = SigningKeys.generate(algorithm, clock=clock).jwks()["keys"]
    assert set(key) <= {"kty", "crv", "x", "n", "e", "kid", "alg", "use"}


def test_the_first_key_signs_at_once(clock: ManualClock) -> None:
    keys = SigningKeys.generate(clock=clock)
    assert signs(keys) == kids(keys)[0]


def test_a_new_key_is_published_before_it_signs(clock: ManualClock) -> None:
    keys = SigningKeys.generate(clock=clock)
    old = signs(keys)
    keys.rotate()
    clock.advance(LEAD - 1)
    assert signs(keys) == old
    assert len(kids(keys)) == 2


def test_a_new_key_signs_once_it_has_been_published_long_enough(clock: ManualClock) -> None:
    keys = SigningKeys.generate(clock=clock)
    keys.rotate()
    clock.advance(LEAD)
    assert signs(keys) == kids(keys)[1]


def test_an_old_key_stays_published_while_its_tokens_live(clock: ManualClock) -> None:
    keys = SigningKeys.generate(clock=clock)
    old = signs(keys)
    keys.rotate()
    clock.advance(LEAD + KEEP - 1)
    assert old in kids(keys)


def test_an_old_key_is_withdrawn_after_its_time(clock: ManualClock) -> None:
    keys = SigningKeys.generate(clock=clock)
    old = signs(keys)
    keys.rotate()
    clock.advance(LEAD + KEEP)
    assert old not in kids(keys)


def test_a_withdrawn_key_is_not_stored_any_longer(clock: ManualClock) -> None:
    keys = SigningKeys.generate(clock=clock)
    keys.rotate()
    clock.advance(LEAD + KEEP)
    assert len(json.loads(keys.dump())) == 1


def test_a_rotation_under_way_is_not_begun_again(clock: ManualClock) -> None:
    keys = SigningKeys.generate(clock=clock)
    assert [keys.rotate(), keys.rotate()] == [True, False]


def test_a_young_key_is_left_alone(clock: ManualClock) -> None:
    keys = SigningKeys.generate(clock=clock)
    clock.advance(86_400)
    assert not keys.rotate(older_than=86_401)


def test_rotating_can_change_the_algorithm(clock: ManualClock) -> None:
    keys = SigningKeys.generate("EdDSA", clock=clock)
    keys.rotate("RS256")
    clock.advance(LEAD)
    assert read_header(keys.sign({"sub": "x"})).alg == "RS256"


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_keys_are_the_same_after_a_dump_and_a_load(clock: ManualClock, algorithm: Algorithm) -> None:
    keys = SigningKeys.generate(algorithm, clock=clock)
    keys.rotate()
    loaded = SigningKeys.load(keys.dump(), clock=clock)
    assert loaded.jwks() == keys.jwks()
    assert signs(loaded) == signs(keys)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'[{"kid": "x"}]'])
def test_what_is_no_dump_is_refused_in_one_sentence(clock: ManualClock, data: bytes) -> None:
    with pytest.raises(UnusableKeys, match="signing key"):
        SigningKeys.load(data, clock=clock)


def test_a_dump_without_the_private_half_is_refused(clock: ManualClock) -> None:
    (stored,) = json.loads(SigningKeys.generate(clock=clock).dump())
    del stored["jwk"]["d"]
    with pytest.raises(UnusableKeys, match="cannot be used"):
        SigningKeys.load(json.dumps([stored]).encode(), clock=clock)


def test_a_dump_whose_key_is_damaged_is_refused(clock: ManualClock) -> None:
    (stored,) = json.loads(SigningKeys.generate(clock=clock).dump())
    stored["jwk"]["x"] = SigningKeys.generate(clock=clock).jwks()["keys"][0]["x"]
    with pytest.raises(UnusableKeys, match="cannot be used"):
        SigningKeys.load(json.dumps([stored]).encode(), clock=clock)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20_000)), max_size=12))
def test_whatever_signs_now_is_published_now(steps: list[tuple[bool, float]]) -> None:
    clock = ManualClock()
    keys = SigningKeys.generate(clock=clock)
    for rotate, wait in steps:
        if rotate:
            keys.rotate()
        clock.advance(wait)
        assert signs(keys) in kids(keys)


@given(st.lists(st.floats(0, 20_000), min_size=1, max_size=12), st.floats(0, KEEP - 1))
def test_a_token_can_be_verified_for_as_long_as_keys_are_kept(waits: list[float], life: float) -> None:
    clock = ManualClock()
    keys = SigningKeys.generate(clock=clock)
    for wait in waits:
        keys.rotate()
        clock.advance(wait)
    signed_with = signs(keys)
    clock.advance(life)
    assert signed_with in kids(keys)
