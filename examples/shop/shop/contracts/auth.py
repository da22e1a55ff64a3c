"""Who may sign in, and the tokens that prove it."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec

from atoll.contracts import Event, Problem, Rate, command, contract, query
from shop.contracts.values import Email

Password = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
RefreshToken = Annotated[str, msgspec.Meta(min_length=20, max_length=200)]


class NewPassword(msgspec.Struct, frozen=True):
    """The password of an account that is about to be opened."""

    password: Annotated[str, msgspec.Meta(min_length=8, max_length=128)]


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that stands for a password until an account is opened with it; `expires_in` is in seconds."""

    credential: str
    expires_in: int


class Activate(msgspec.Struct, frozen=True, kw_only=True):
    """The password behind `credential` opens the account `user_id`, known by `email`."""

    credential: str
    user_id: str
    email: Email


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer proves themselves with."""

    email: Email
    password: Password


class Refresh(msgspec.Struct, frozen=True):
    """A refresh token, good once."""

    refresh_token: RefreshToken


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens: send the access token as `Authorization: Bearer …`; `expires_in` is its life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One public key as a JWK (RFC 7517 §4)."""

    kty: str
    kid: str
    alg: str
    use: str = ""
    crv: str = ""
    x: str = ""
    n: str = ""
    e: str = ""


class KeySet(msgspec.Struct, frozen=True):
    """A JWK set (RFC 7517 §5)."""

    keys: list[PublicKey]


class RefreshTokenReused(Event, key="user_id"):
    """A refresh token came twice: one of the two was stolen, so the whole session was ended."""

    user_id: str


class InvalidCredentials(Problem, status=401):
    """The e-mail address or the password is wrong."""


class UnknownCredential(Problem, status=409):
    """The credential is unknown, expired or was used for another account; ask for a new one."""


class TooManyAttempts(Problem, status=429):
    """Too many wrong passwords for this account; wait before the next try."""

    retry_after: float


class InvalidRefreshToken(Problem, status=401):
    """The refresh token is unknown, expired, ended or was used before; sign in again."""


@contract("auth", events=[RefreshTokenReused])
class Auth(Protocol):
    """Credentials, sessions and the keys that tokens are signed with."""

    @command(
        "POST /credentials",
        public=True,
        anonymous=True,
        limit=Rate(requests=600, seconds=60),
        status=201,
    )
    async def new_credential(self, request: NewPassword) -> Credential:
        """Exchange a password for a ticket to register with. It is good once, and not for long."""
        ...

    @command(
        "POST /sessions",
        public=True,
        anonymous=True,
        limit=Rate(requests=600, seconds=60),
        raises=[InvalidCredentials, TooManyAttempts],
        status=201,
    )
    async def sign_in(self, request: SignIn) -> Session:
        """Begin a session."""
        ...

    @command(
        "POST /sessions/refresh",
        public=True,
        anonymous=True,
        limit=Rate(requests=600, seconds=60),
        raises=[InvalidRefreshToken],
    )
    async def refresh(self, request: Refresh) -> Session:
        """Exchange a refresh token for new tokens. A token that comes a second time ends its session."""
        ...

    @command("POST /sessions/revoke", public=True, anonymous=True)
    async def sign_out(self, request: Refresh) -> None:
        """End the session that the token belongs to. An unknown token is no error."""
        ...

    @query("GET /.well-known/jwks.json", public=True, anonymous=True)
    async def jwks(self) -> KeySet:
        """The keys that access tokens are verified with."""
        ...

    @command("POST /credentials/activation", raises=[UnknownCredential])
    async def activate(self, request: Activate) -> None:
        """Let the owner of an account sign in. Repeating it for the same account is no error."""
        ...

    @command("DELETE /credentials/{user_id}")
    async def withdraw(self, user_id: str) -> None:
        """Forget the credentials and the sessions of an account. Repeating it is no error."""
        ...
