"""When a verifier fetches the issuer's keys, and which of them it takes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from atoll.security import InvalidToken, KeysUnavailable
from atoll.security.jose import generate_key
from atoll.security.key_set import read_keys
from tests.unit.security.fakes import Issuer, ManualClock


async def test_keys_are_fetched_once_for_many_tokens(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await asyncio.gather(*(verifier.verify(issuer.token()) for _ in range(5)))
    assert issuer.fetches == 1


async def test_an_unknown_key_is_asked_for_at_once(issuer: Issuer, clock: ManualClock) -> None:
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    issuer.keys.rotate()
    clock.advance(901)
    assert await verifier.verify(issuer.token())
    assert issuer.fetches == 2


async def test_unknown_keys_cannot_make_us_fetch_more_than_every_few_seconds(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    for number in range(50):
        with pytest.raises(InvalidToken):
            await verifier.verify(issuer.signed(issuer.header(kid=f"unknown-{number}"), issuer.claims()))
    assert issuer.fetches == 1


async def test_after_the_pause_an_unknown_key_is_asked_for_again(issuer: Issuer, clock: ManualClock) -> None:
    verifier, token = issuer.verifier(), issuer.signed(issuer.header(kid="unknown"), issuer.claims())
    for _ in range(2):
        with pytest.raises(InvalidToken):
            await verifier.verify(token)
        clock.advance(5)
    assert issuer.fetches == 2


async def test_old_keys_are_fetched_again(issuer: Issuer, clock: ManualClock) -> None:
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    clock.advance(600)
    await verifier.verify(issuer.token())
    assert issuer.fetches == 2


async def test_without_any_keys_the_error_may_be_retried(issuer: Issuer) -> None:
    issuer.down = True
    with pytest.raises(KeysUnavailable) as caught:
        await issuer.verifier().verify(issuer.token())
    assert caught.value.retryable


async def test_an_issuer_that_comes_back_is_found_again(issuer: Issuer, clock: ManualClock) -> None:
    verifier, issuer.down = issuer.verifier(), True
    with pytest.raises(KeysUnavailable):
        await verifier.verify(issuer.token())
    issuer.down = False
    clock.advance(1)
    assert await verifier.verify(issuer.token())


async def test_known_keys_stay_in_use_while_the_issuer_is_down(issuer: Issuer, clock: ManualClock) -> None:
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    issuer.down = True
    clock.advance(3600)
    assert await verifier.verify(issuer.token())


@pytest.mark.parametrize("document", [{"x": 1}, {"keys": {}}, {"keys": [1]}], ids=str)
async def test_a_document_that_is_no_key_set_is_like_no_answer(issuer: Issuer, document: dict[str, Any]) -> None:
    issuer.document = document
    with pytest.raises(KeysUnavailable):
        await issuer.verifier().verify(issuer.token())


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": None},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"kid": None},
        {"use": "enc"},
        {"kty": "oct", "k": "AAAA"},
        {"crv": "X25519"},
        {"x": "AAAA"},
        {"x": None},
        {"x": 5},
    ],
    ids=str,
)
def test_a_key_that_cannot_verify_our_tokens_is_passed_over(issuer: Issuer, changes: dict[str, Any]) -> None:
    (good,) = issuer.keys.jwks()["keys"]
    changed = {name: value for name, value in (good | changes).items() if value is not None}
    assert read_keys({"keys": [changed]}) == {}


def test_a_key_that_does_not_say_its_use_is_taken(issuer: Issuer) -> None:
    (good,) = issuer.keys.jwks()["keys"]
    del good["use"]
    assert list(read_keys({"keys": [good]})) == [good["kid"]]


def test_a_short_rsa_key_is_passed_over() -> None:
    # The modulus of a 1024-bit key: any odd number of that length will do.
    weak = {"kty": "RSA", "n": "_" * 170 + "w", "e": "AQAB", "kid": "weak", "alg": "RS256", "use": "sig"}
    strong = generate_key("RS256").as_dict(private=False) | {"kid": "good", "alg": "RS256"}
    assert list(read_keys({"keys": [weak, strong]})) == ["good"]
