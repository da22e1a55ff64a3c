"""How a step's result is kept: as JSON of the type that the called method declares."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, get_type_hints

import msgspec

from atoll.core.errors import DeclarationError

Decoder = msgspec.json.Decoder[Any]


def decoder_for(name: str, call: Callable[..., Any]) -> Decoder:
    """Return the reader of what `call` returns. Raises DeclarationError when it does not declare that."""
    found = _decoder(getattr(call, "__func__", call))
    if found is None:
        raise DeclarationError(
            f"step {name!r} must call a method that declares what it returns, because its result is kept as that type"
        )
    return found


@lru_cache(maxsize=1024)
def _decoder(function: Callable[..., Any]) -> Decoder | None:
    if getattr(function, "__name__", "") == "<lambda>":
        return None
    hints = get_type_hints(function)
    return msgspec.json.Decoder(hints["return"]) if "return" in hints else None
