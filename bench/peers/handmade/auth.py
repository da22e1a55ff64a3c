"""Tokens for customers, and the key that the gateway verifies them with. Signing up is not measured, so it is short."""

from __future__ import annotations

import time
import uuid
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey

from peers.handmade.broker import broker
from peers.handmade.messages import Session, SignIn, UserCreated
from peers.handmade.service import create_app
from peers.handmade.settings import AUDIENCE, ISSUER

ALGORITHM = "EdDSA"
SECONDS = 3600

_key = OKPKey.generate_key("Ed25519", auto_kid=True)

app = create_app("auth")


@app.get("/.well-known/jwks.json")
async def jwks() -> dict[str, Any]:
    return {"keys": [_key.as_dict(private=False) | {"alg": ALGORITHM, "use": "sig"}]}


@app.post("/sessions", status_code=201)
async def sign_in(request: SignIn) -> Session:
    user_id = str(uuid.uuid4())
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "roles": [], "iat": now, "exp": now + SECONDS}
    header = {"alg": ALGORITHM, "kid": _key.kid, "typ": "at+jwt"}
    await broker.publish(UserCreated(user_id=user_id, email=request.email, name=request.name))
    return Session(user_id=user_id, access_token=jwt.encode(header, claims, _key, algorithms=[ALGORITHM]))
