"""No change of a good token, however small, leaves it good."""

from __future__ import annotations

import asyncio
import string
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from atoll.security import InvalidToken
from atoll.security.jose import Algorithm
from tests.unit.security.fakes import Issuer, ManualClock, b64, encoded

ALPHABET = string.ascii_letters + string.digits + "-_.=+/ "
positions = st.integers(0, 10_000)
characters = st.sampled_from(ALPHABET)


@cache
def good(algorithm: Algorithm = "EdDSA") -> tuple[Issuer, str]:
    issuer = Issuer(ManualClock(), algorithm)
    return issuer, issuer.token(roles=("buyer",))


def refused(issuer: Issuer, token: str) -> bool:
    try:
        asyncio.run(issuer.verifier().verify(token))
    except InvalidToken:
        return True
    return False


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
@given(position=positions, character=characters)
def test_one_character_changed_is_refused(algorithm: Algorithm, position: int, character: str) -> None:
    issuer, token = good(algorithm)
    position %= len(token)
    changed = token[:position] + character + token[position + 1 :]
    assume(changed != token)
    assert refused(issuer, changed)


@given(position=positions)
def test_one_character_taken_out_is_refused(position: int) -> None:
    issuer, token = good()
    position %= len(token)
    assert refused(issuer, token[:position] + token[position + 1 :])


@given(position=positions, character=characters)
def test_one_character_put_in_is_refused(position: int, character: str) -> None:
    issuer, token = good()
    position %= len(token) + 1
    assert refused(issuer, token[:position] + character + token[position:])


@given(st.text(max_size=400))
def test_any_text_is_refused_without_another_error(text: str) -> None:
    issuer, _ = good()
    assert refused(issuer, text)


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=80))
def test_any_three_parts_are_refused_without_another_error(header: bytes, claims: bytes, end: bytes) -> None:
    issuer, _ = good()
    assert refused(issuer, f"{b64(header)}.{b64(claims)}.{b64(end)}")


@given(st.sampled_from(["iss", "aud", "sub", "exp", "roles"]), st.text(max_size=20) | st.integers())
def test_claims_changed_under_an_old_signature_are_refused(name: str, value: str | int) -> None:
    issuer, token = good()
    header, _, signature = token.split(".")
    assert refused(issuer, f"{header}.{encoded(issuer.claims(**{name: value}))}.{signature}")
