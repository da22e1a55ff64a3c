"""Which code a snapshot belongs to: other code might fold the same events into another state."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable

from atoll.core.errors import DeclarationError


def fingerprint(aggregate: type, types: Iterable[str]) -> str:
    """Return a digest of the source of a class, those it inherits from, and the types of its events.

    A change of the class makes another one, also one that changes nothing; a function elsewhere that it calls is not
    seen. Raises DeclarationError when there is no source to read.
    """
    digest = hashlib.sha256("\n".join(sorted(types)).encode())
    for each in aggregate.__mro__:
        if each.__module__.partition(".")[0] not in ("builtins", "typing", "msgspec", "atoll"):
            digest.update(_source(each).encode())
    return digest.hexdigest()[:16]


def _source(of: type) -> str:
    try:
        return inspect.getsource(of)
    except (OSError, TypeError) as error:
        raise DeclarationError(
            f"the source of {of.__qualname__} cannot be read to tell when it changes; name its schema yourself, "
            'as in `schema="1"`, and change that name with the class'
        ) from error
