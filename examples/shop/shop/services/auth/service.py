"""The authorization server of the shop: passwords in, short access tokens and rotating refresh tokens out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

import msgspec

from atoll.core import Clock, Settings, new_id
from atoll.security import SigningKeys, access_token, hash_password, verify_password
from atoll.service import Service, every, on
from atoll.storage import Database
from shop.contracts.auth import (
    Activate,
    Auth,
    Credential,
    InvalidCredentials,
    InvalidRefreshToken,
    KeySet,
    NewPassword,
    Refresh,
    RefreshTokenReused,
    Session,
    SignIn,
    TooManyAttempts,
    UnknownCredential,
)
from shop.contracts.user import UserEmailUpdated
from shop.services.auth.domain import (
    ACCESS_SECONDS,
    KEY_DAYS,
    REFRESH_SECONDS,
    TICKET_SECONDS,
    Credentials,
    RefreshToken,
    judge,
    new_secret,
    wait_for,
)
from shop.services.auth.store import AuthStore

T = TypeVar("T")

ADMIN = "admin@shop.example"


class AuthService(Service, Auth):
    """Set SHOP_ADMIN_PASSWORD to let `admin@shop.example` sign in with the role `admin`; else there is none."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, clock: Clock, settings: Settings) -> None:
        self.db = db
        self.store = AuthStore(db)
        self.clock = clock
        self.settings = settings
        self.keys = SigningKeys.generate(clock=clock)
        self.afterwards: set[asyncio.Task[None]] = set()

    async def on_start(self) -> None:
        password = self.settings.environ.get("SHOP_ADMIN_PASSWORD", "")
        admin_hash = await hash_password(password) if password else ""
        await self.db.atomic(lambda: self._seed(admin_hash))

    async def on_stop(self) -> None:
        await asyncio.gather(*self.afterwards)

    async def new_credential(self, request: NewPassword) -> Credential:
        ticket = new_secret()
        hashed = await hash_password(request.password)
        await self.store.add_ticket(ticket, hashed, self.clock.now() + TICKET_SECONDS)
        return Credential(credential=ticket, expires_in=TICKET_SECONDS)

    async def activate(self, request: Activate) -> None:
        if await self.store.is_activated(request.user_id, request.credential):
            return
        hashed = await self.store.use_ticket(request.credential, self.clock.now())
        if hashed is None:
            raise UnknownCredential()
        owner = Credentials(user_id=request.user_id, password_hash=hashed)
        await self.store.put_credentials(owner, request.email, since=self.clock.now(), ticket=request.credential)

    async def withdraw(self, user_id: str) -> None:
        await self.store.remove_credentials(user_id)
        await self.store.remove_sessions(user_id)

    async def sign_in(self, request: SignIn) -> Session:
        # Read outside of the unit of work, so that nobody waits for the write lock while a password is checked.
        found = await _apart(self.store.by_email(request.email.strip().casefold()))
        if found is not None and (wait := wait_for(found, self.clock.now())) > 0:
            raise TooManyAttempts(retry_after=round(wait, 1))
        matches = await verify_password(request.password, found.password_hash if found else None)
        if found is None or not matches:
            if found is not None:
                self._afterwards(self._note_failure(found.user_id))
            raise InvalidCredentials()
        session_id = new_id()
        await self.store.add_session(session_id, found.user_id)
        if found.failures:
            await self.store.forget_failures(found.user_id)
        return await self._session(session_id, found)

    async def refresh(self, request: Refresh) -> Session:
        token = await self.store.token(request.refresh_token)
        verdict = judge(token, self.clock.now())
        if token is not None and verdict == "reused":
            self._afterwards(self._end(token))
        owner = await self.store.by_id(token.user_id) if token is not None and verdict == "good" else None
        if token is None or owner is None:
            raise InvalidRefreshToken()
        await self.store.use_token(request.refresh_token)
        return await self._session(token.session_id, owner)

    async def sign_out(self, request: Refresh) -> None:
        token = await self.store.token(request.refresh_token)
        if token is not None:
            await self.store.end_session(token.session_id)

    async def jwks(self) -> KeySet:
        return msgspec.convert(self.keys.jwks(), KeySet)

    @on(UserEmailUpdated)
    async def follow_email(self, event: UserEmailUpdated) -> None:
        await self.store.set_email(event.user_id, event.email, since=self.clock.now())

    @every(60.0, everywhere=True)
    async def tend(self) -> None:
        """Sweep what has expired, rotate keys that are old, and take over a rotation of another instance."""
        await self.store.sweep(self.clock.now())
        await self._load_keys()
        if self.keys.rotate(older_than=KEY_DAYS * 86_400):
            await self.store.replace_keys(self.keys.dump())

    async def _session(self, session_id: str, owner: Credentials) -> Session:
        refresh_token = new_secret()
        await self.store.add_token(refresh_token, session_id, self.clock.now() + REFRESH_SECONDS)
        token = access_token(
            self.keys,
            issuer=self.settings.issuer,
            audience=self.settings.audience,
            subject=owner.user_id,
            roles=owner.roles,
            lifetime=ACCESS_SECONDS,
            clock=self.clock,
        )
        return Session(access_token=token, refresh_token=refresh_token, expires_in=ACCESS_SECONDS)

    async def _seed(self, admin_hash: str) -> None:
        await self.store.add_keys(self.keys.dump())
        await self._load_keys()
        if admin_hash:
            admin = Credentials(user_id="admin", password_hash=admin_hash, roles=["admin"])
            await self.store.put_credentials(admin, ADMIN, since=self.clock.now())

    async def _load_keys(self) -> None:
        document = await self.store.keys()
        if document is not None:
            self.keys = SigningKeys.load(document, clock=self.clock)

    async def _note_failure(self, user_id: str) -> None:
        await self.db.atomic(lambda: self.store.note_failure(user_id, self.clock.now()))

    async def _end(self, token: RefreshToken) -> None:
        async def work() -> None:
            await self.store.end_session(token.session_id)
            self.emit(RefreshTokenReused(user_id=token.user_id))

        await self.db.atomic(work)

    def _afterwards(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in a unit of work of its own: a refusal rolls its command back, and this must outlive it."""
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self.afterwards.add(task)
        task.add_done_callback(self.afterwards.discard)


async def _apart(read: Coroutine[Any, Any, T]) -> T:
    """Run a read outside of the unit of work in hand."""
    return await asyncio.get_running_loop().create_task(read, context=Context())
