from __future__ import annotations

import base64
import json
from typing import Any

from tests.unit.security.fakes import Issuer


def part(token: str, index: int) -> dict[str, Any]:
    text = token.split(".")[index]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=="))
    return decoded


def test_an_access_token_says_that_it_is_one(issuer: Issuer) -> None:
    assert part(issuer.token(), 0)["typ"] == "at+jwt"


def test_an_access_token_names_the_key_that_signed_it(issuer: Issuer) -> None:
    assert part(issuer.token(), 0)["kid"] == issuer.keys.jwks()["keys"][0]["kid"]


def test_an_access_token_lives_as_long_as_asked(issuer: Issuer) -> None:
    claims = part(issuer.token(lifetime=60), 1)
    assert claims["exp"] - claims["iat"] == 60


def test_an_access_token_carries_the_roles_in_order(issuer: Issuer) -> None:
    assert part(issuer.token(roles=("b", "a")), 1)["roles"] == ["a", "b"]


def test_every_access_token_has_an_id_of_its_own(issuer: Issuer) -> None:
    assert part(issuer.token(), 1)["jti"] != part(issuer.token(), 1)["jti"]
