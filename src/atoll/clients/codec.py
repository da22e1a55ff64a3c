"""An operation's arguments as a request and its reply as a result, compiled once per operation. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast
from urllib.parse import quote

import msgspec

from atoll.clients.answers import error_of
from atoll.clients.errors import UnexpectedReply
from atoll.clients.port import Reply
from atoll.contracts import Operation, Parameter

_HOLE: Final = re.compile(r"\{([^}]*)\}")
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")  # the same arguments give the same idempotency key


class Codec:
    """The wire form of one operation."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        place = {each.name: number for number, each in enumerate(operation.parameters)}
        pieces = _HOLE.split(operation.path)
        self._literals = pieces[0::2]
        self._holes = [(name, place[name]) for name in pieces[1::2]]
        self._query = [(each.name, place[each.name]) for each in operation.placed("query")]
        self._body = None if operation.body is None else place[operation.body.name]
        self._problems = {each.uri: each for each in operation.raises}
        self._decoder = None if operation.result is None else msgspec.json.Decoder(operation.result)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in the order `encode` takes their values."""
        return self.operation.parameters

    def encode(self, values: Sequence[Any]) -> tuple[str, bytes]:
        """Return target and body of the request for `values`, one for each parameter.

        A query value of None is left out, a list repeats its name. Raises ValueError for a path value that is
        empty or None, TypeError for one that has no text form.
        """
        target = self._literals[0]
        for (name, number), literal in zip(self._holes, self._literals[1:], strict=True):
            target += self._segment(name, values[number]) + literal
        pairs = [f"{name}={text}" for name, number in self._query for text in _texts(values[number])]
        body = b"" if self._body is None else _ENCODER.encode(values[self._body])
        return (f"{target}?{'&'.join(pairs)}" if pairs else target), body

    def decode(self, reply: Reply) -> Any:
        """Return the result; raise the declared Problem, or the CallError, that `reply` stands for."""
        expected = reply.status == self.operation.status or (200 <= reply.status < 300 and reply.status != 202)
        if not expected:
            raise error_of(reply, self._problems)
        if self._decoder is None:
            return None
        try:
            return self._decoder.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"answered {reply.status} with a body that the contract does not declare: {error}"
            raise UnexpectedReply(message, status=reply.status, problem={}) from error

    def _segment(self, name: str, value: Any) -> str:
        text = quote(_text(value), safe="") if value is not None else ""
        if not text:
            raise ValueError(f"{self.operation.id}: {name} must not be empty, because it is part of the path")
        return text


def _texts(value: Any) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, list | tuple):
        yield from (quote(_text(each), safe="") for each in cast("Sequence[Any]", value))
    else:
        yield quote(_text(value), safe="")


def _text(value: Any) -> str:
    """The text of a scalar, as msgspec reads it back in its lax mode."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) in {int, float}:
        return str(value)
    plain = msgspec.to_builtins(value)
    if plain is None or isinstance(plain, dict | list | tuple):
        raise TypeError(f"{type(value).__name__} cannot travel in a path or query; make it the body")
    return _text(plain)
