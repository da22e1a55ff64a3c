"""What customers tell about themselves."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec

from atoll.contracts import Event, Problem, command, contract, query
from shop.contracts.values import Address, Name

Phone = Annotated[str, msgspec.Meta(pattern=r"^(\+?[0-9 ()-]{5,24})?$")]


class UpdateProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole profile as it shall be."""

    name: Name
    phone: Phone = ""
    address: Address | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's profile; empty until something is known."""

    user_id: str
    name: str = ""
    phone: str = ""
    address: Address | None = None


class ProfileUpdated(Event, key="user_id"):
    """A customer has changed their profile; what it holds stays with the service."""

    user_id: str


class ProfileErased(Problem, status=410):
    """This customer was erased; there is no profile to write."""


@contract("profile", events=[ProfileUpdated])
class Profiles(Protocol):
    """Names and addresses."""

    @query("GET /profile", public=True)
    async def profile(self) -> Profile:
        """The profile of the customer who asks."""
        ...

    @command("PUT /profile", public=True, raises=[ProfileErased])
    async def update(self, request: UpdateProfile) -> Profile:
        """Replace the profile of the customer who asks."""
        ...

    @command("DELETE /profiles/{user_id}")
    async def forget(self, user_id: str) -> None:
        """Forget what a customer told, for good. Repeating it is no error."""
        ...
