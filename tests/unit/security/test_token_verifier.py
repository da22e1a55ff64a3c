"""What a verifier accepts, what it refuses, and what it remembers."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from atoll.security import ExpiredToken, InvalidToken
from atoll.security.jose import Algorithm, has_good_signature
from tests.unit.security.fakes import Issuer, ManualClock, b64, encoded, hs256, signed_by_a_stranger


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
async def test_a_token_of_the_issuer_proves_its_subject(clock: ManualClock, algorithm: Algorithm) -> None:
    issuer = Issuer(clock, algorithm)
    assert (await issuer.verifier().verify(issuer.token())).subject == "user-1"


async def test_roles_come_from_the_token(issuer: Issuer) -> None:
    principal = await issuer.verifier().verify(issuer.token(roles=("admin", "buyer")))
    assert principal.roles == {"admin", "buyer"}


async def test_the_principal_keeps_its_token_to_travel_on(issuer: Issuer) -> None:
    token = issuer.token()
    assert (await issuer.verifier().verify(token)).token == token


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["other", "shop"]},
        {"roles": None},
        {"iat": None},
        {"nbf": 0},
        {"iat": 1_800_000_029},
        {"exp": 1_799_999_971},
    ],
    ids=str,
)
async def test_these_claims_are_accepted(issuer: Issuer, changes: dict[str, Any]) -> None:
    token = issuer.signed(issuer.header(), issuer.claims(**changes))
    assert (await issuer.verifier().verify(token)).subject == "user-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": None},
        {"aud": 1},
        {"sub": None},
        {"sub": ""},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 1_799_999_970},
        {"nbf": 1_800_000_031},
        {"iat": 1_800_000_031},
        {"roles": "admin"},
        {"roles": [1]},
    ],
    ids=str,
)
async def test_these_claims_are_refused(issuer: Issuer, changes: dict[str, Any]) -> None:
    token = issuer.signed(issuer.header(), issuer.claims(**changes))
    with pytest.raises(InvalidToken):
        await issuer.verifier().verify(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": None},
        {"typ": "JWT"},
        {"typ": "id+jwt"},
        {"kid": None},
        {"kid": "unknown"},
        {"kid": 7},
        {"alg": None},
        {"alg": "RS256"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": "Ed25519"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"b64": True},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/chain"},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}},
        {"x5c": ["AAAA"]},
    ],
    ids=str,
)
async def test_these_headers_are_refused_however_well_signed(issuer: Issuer, changes: dict[str, Any]) -> None:
    token = issuer.signed(issuer.header(**changes), issuer.claims())
    with pytest.raises(InvalidToken):
        await issuer.verifier().verify(token)


async def test_an_algorithm_other_than_the_key_s_is_refused_before_its_signature_is_tried(issuer: Issuer) -> None:
    token = issuer.signed(issuer.header(alg="RS256"), issuer.claims())
    with pytest.raises(InvalidToken, match="another algorithm"):
        await issuer.verifier().verify(token)


async def test_a_signature_has_only_one_spelling(issuer: Issuer) -> None:
    token = issuer.token()
    same_bytes = {"A": "B", "Q": "R", "g": "h", "w": "x"}[token[-1]]
    with pytest.raises(InvalidToken, match="canonical"):
        await issuer.verifier().verify(token[:-1] + same_bytes)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_every_spelling_of_the_type_is_accepted(issuer: Issuer, typ: str) -> None:
    token = issuer.signed(issuer.header(typ=typ), issuer.claims())
    assert await issuer.verifier().verify(token)


async def test_a_header_parameter_nobody_knows_is_ignored(issuer: Issuer) -> None:
    token = issuer.signed(issuer.header(x5t="AAAA", colour="blue"), issuer.claims())
    assert await issuer.verifier().verify(token)


async def test_a_token_without_a_signature_is_refused(issuer: Issuer) -> None:
    token = f"{encoded(issuer.header(alg='none'))}.{encoded(issuer.claims())}."
    with pytest.raises(InvalidToken):
        await issuer.verifier().verify(token)


async def test_the_public_key_is_no_secret_to_sign_with(issuer: Issuer) -> None:
    public = base64.urlsafe_b64decode(issuer.keys.jwks()["keys"][0]["x"] + "==")
    token = hs256(issuer.header(alg="HS256"), issuer.claims(), public)
    with pytest.raises(InvalidToken):
        await issuer.verifier().verify(token)


async def test_a_stranger_may_not_sign_under_a_known_key_id(issuer: Issuer) -> None:
    token = signed_by_a_stranger(issuer.header(), issuer.claims())
    with pytest.raises(InvalidToken, match="signature"):
        await issuer.verifier().verify(token)


@pytest.mark.parametrize(
    "damage",
    [
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token + "=",
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", ".."),
        lambda token: "",
        lambda token: "é.é.é",
        lambda token: "x" * 9000,
        lambda token: f"{b64(b'[' * 5000)}.e30.AA",
        lambda token: f"{b64(b'[]')}.{token.partition('.')[2]}",
        lambda token: f"{b64(bytes(range(255)))}.{token.partition('.')[2]}",
    ],
)
async def test_a_damaged_token_is_refused(issuer: Issuer, damage: Any) -> None:
    with pytest.raises(InvalidToken):
        await issuer.verifier().verify(damage(issuer.token()))


async def test_claims_nested_without_end_are_refused(issuer: Issuer) -> None:
    payload = b64(b'{"x":' + b"[" * 3000)
    with pytest.raises(InvalidToken):
        await issuer.verifier().verify(issuer.signed_parts(encoded(issuer.header()), payload))


async def test_an_expired_token_says_so(issuer: Issuer, clock: ManualClock) -> None:
    token = issuer.token(lifetime=60)
    clock.advance(90)
    with pytest.raises(ExpiredToken):
        await issuer.verifier().verify(token)


async def test_a_remembered_token_expires_too(issuer: Issuer, clock: ManualClock) -> None:
    verifier, token = issuer.verifier(), issuer.token(lifetime=60)
    await verifier.verify(token)
    clock.advance(90)
    with pytest.raises(ExpiredToken):
        await verifier.verify(token)


async def test_a_token_is_proved_only_once(issuer: Issuer) -> None:
    verifier, token = issuer.verifier(), issuer.token()
    assert await verifier.verify(token) is await verifier.verify(token)


async def test_a_remembered_token_is_refused_once_its_key_is_withdrawn(issuer: Issuer) -> None:
    verifier, token = issuer.verifier(), issuer.token()
    await verifier.verify(token)
    issuer.clock.advance(601)
    issuer.keys = Issuer(issuer.clock).keys
    await verifier.verify(issuer.token())
    with pytest.raises(InvalidToken):
        await verifier.verify(token)


async def test_the_memory_of_tokens_is_bounded(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atoll.security.verifier.CAPACITY", 3)
    verifier = issuer.verifier()
    for _ in range(10):
        await verifier.verify(issuer.token())
    assert len(verifier._verified) == 3


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "Ed25519"])
def test_an_algorithm_that_is_not_ours_verifies_nothing(issuer: Issuer, algorithm: str) -> None:
    key = next(iter(issuer.keys._private.values()))
    assert not has_good_signature(issuer.signed(issuer.header(alg=algorithm), issuer.claims()), key)
