from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atoll.core import Settings
from atoll.security import TokenVerifier
from shop.contracts.auth import (
    Activate,
    InvalidCredentials,
    InvalidRefreshToken,
    NewPassword,
    Refresh,
    RefreshTokenReused,
    Session,
    SignIn,
    TooManyAttempts,
    UnknownCredential,
)
from shop.contracts.user import UserEmailUpdated
from shop.services.auth import AuthService
from shop.services.auth.domain import FREE_TRIES, KEY_DAYS, TICKET_SECONDS
from tests.shop.bench import Bench, at_work

At = Bench[AuthService]
SETTINGS = Settings(issuer="https://auth", audience="shop", environ={"SHOP_ADMIN_PASSWORD": "let me in!"})
PASSWORD = "correct horse"


@pytest.fixture(name="at")
async def _at(tmp_path: Path) -> AsyncGenerator[At]:
    async with at_work(tmp_path, lambda db, clock: AuthService(db, clock, SETTINGS)) as bench:
        yield bench


async def ticket(at: At) -> str:
    return (await at.call(at.service.new_credential, NewPassword(PASSWORD))).credential


async def activate(at: At, user: str = "u1", email: str = "ann@example.org") -> Activate:
    request = Activate(credential=await ticket(at), user_id=user, email=email)
    await at.call(at.service.activate, request)
    return request


async def sign_in(at: At, email: str = "ann@example.org", password: str = PASSWORD) -> Session:
    return await at.call(at.service.sign_in, SignIn(email=email, password=password))


async def refresh(at: At, token: str) -> Session:
    return await at.call(at.service.refresh, Refresh(token))


async def settled(at: At) -> None:
    await asyncio.gather(*at.service.afterwards)


async def subject_and_roles(at: At, session: Session) -> tuple[str, set[str]]:
    async def keys() -> dict[str, Any]:
        return msgspec.to_builtins(await at.service.jwks())  # type: ignore[no-any-return]

    verifier = TokenVerifier("https://auth", "shop", keys, at.clock)
    principal = await verifier.verify(session.access_token)
    return principal.subject, set(principal.roles)


async def test_the_access_token_proves_who_signed_in(at: At) -> None:
    await activate(at)
    assert await subject_and_roles(at, await sign_in(at)) == ("u1", set())


async def test_a_credential_lets_nobody_in_before_it_is_activated(at: At) -> None:
    await ticket(at)
    with pytest.raises(InvalidCredentials):
        await sign_in(at)


async def test_a_credential_opens_one_account(at: At) -> None:
    request = await activate(at)
    with pytest.raises(UnknownCredential):
        await at.call(at.service.activate, msgspec.structs.replace(request, user_id="u2"))


async def test_activating_again_for_the_same_account_is_no_error(at: At) -> None:
    await at.call(at.service.activate, await activate(at))
    assert (await sign_in(at)).token_type == "Bearer"


async def test_a_credential_expires(at: At) -> None:
    late = await ticket(at)
    at.clock.time += TICKET_SECONDS + 1
    with pytest.raises(UnknownCredential):
        await at.call(at.service.activate, Activate(credential=late, user_id="u1", email="a@b.org"))


async def test_withdrawn_credentials_let_nobody_in(at: At) -> None:
    await activate(at)
    await at.call(at.service.withdraw, "u1")
    with pytest.raises(InvalidCredentials):
        await sign_in(at)


async def test_a_wrong_password_lets_nobody_in(at: At) -> None:
    await activate(at)
    with pytest.raises(InvalidCredentials):
        await sign_in(at, password="wrong horse")


async def test_guessing_costs_time_even_for_who_then_knows_the_password(at: At) -> None:
    await activate(at)
    for _ in range(FREE_TRIES):
        with pytest.raises(InvalidCredentials):
            await sign_in(at, password="wrong horse")
        await settled(at)
    with pytest.raises(TooManyAttempts) as caught:
        await sign_in(at)
    at.clock.time += caught.value.retry_after + 0.1
    assert (await sign_in(at)).expires_in == 600


async def test_a_refresh_token_is_good_for_a_new_pair(at: At) -> None:
    await activate(at)
    renewed = await refresh(at, (await sign_in(at)).refresh_token)
    assert await subject_and_roles(at, renewed) == ("u1", set())


async def test_a_refresh_token_used_twice_ends_the_session_of_both(at: At) -> None:
    await activate(at)
    stolen = (await sign_in(at)).refresh_token
    renewed = await refresh(at, stolen)
    with pytest.raises(InvalidRefreshToken):
        await refresh(at, stolen)
    await settled(at)
    with pytest.raises(InvalidRefreshToken):
        await refresh(at, renewed.refresh_token)
    assert await at.told() == [RefreshTokenReused(user_id="u1")]


async def test_signing_out_ends_the_session(at: At) -> None:
    await activate(at)
    session = await sign_in(at)
    await at.call(at.service.sign_out, Refresh(session.refresh_token))
    with pytest.raises(InvalidRefreshToken):
        await refresh(at, session.refresh_token)


async def test_signing_out_with_an_unknown_token_is_no_error(at: At) -> None:
    await at.call(at.service.sign_out, Refresh("x" * 30))


async def test_the_admin_signs_in_with_the_password_from_the_environment(at: At) -> None:
    session = await sign_in(at, "admin@shop.example", "let me in!")
    assert await subject_and_roles(at, session) == ("admin", {"admin"})


async def test_a_changed_address_is_the_one_to_sign_in_with(at: At) -> None:
    await activate(at)
    await at.hear(UserEmailUpdated(user_id="u1", email="new@b.org", previous="ann@example.org"))
    assert (await sign_in(at, "new@b.org")).token_type == "Bearer"
    with pytest.raises(InvalidCredentials):
        await sign_in(at)


async def test_an_address_that_went_to_another_account_signs_in_there(at: At) -> None:
    await activate(at, "u1")
    at.clock.time += 1
    await activate(at, "u2")
    assert await subject_and_roles(at, await sign_in(at)) == ("u2", set())


async def test_keys_are_kept_over_a_restart_and_rotated_when_old(at: At) -> None:
    before = {key.kid for key in (await at.service.jwks()).keys}
    await at.service.on_start()
    assert {key.kid for key in (await at.service.jwks()).keys} == before
    at.clock.time += KEY_DAYS * 86_400 + 1
    await at.call(at.service.tend)
    assert before < {key.kid for key in (await at.service.jwks()).keys}


async def test_withdrawn_credentials_take_their_sessions_with_them(at: At) -> None:
    await activate(at)
    session = await sign_in(at)
    await at.call(at.service.withdraw, "u1")
    with pytest.raises(InvalidCredentials):
        await sign_in(at)
    with pytest.raises(InvalidRefreshToken):
        await refresh(at, session.refresh_token)
    assert (
        await at.db.fetch_value("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM refresh_tokens)") == 0
    )
