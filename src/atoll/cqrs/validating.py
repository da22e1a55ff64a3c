"""Checks a message that was made in code as if it had been decoded."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from atoll.cqrs.chain import Route, Step
from atoll.cqrs.errors import InvalidMessage

_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")


def validated(route: Route, after: Step) -> Step:
    """Refuse a message whose fields break the rules of their types. Raises InvalidMessage."""

    async def check(message: Any) -> Any:
        try:
            msgspec.convert(msgspec.to_builtins(message, str_keys=True), message.__class__, strict=True)
        except (msgspec.ValidationError, TypeError) as error:
            raise _invalid(route, error) from error
        return await after(message)

    return check


def _invalid(route: Route, error: Exception) -> InvalidMessage:
    place = _PLACE.search(str(error))
    field = place[1] if place else ""
    why = _PLACE.sub("", str(error))
    return InvalidMessage(f"{route.name}: {field or 'the message'}: {why}", field=field)
