"""Rows become structs: columns by name, JSON columns decoded, and the reverse for arguments."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from atoll.storage.errors import StorageError
from atoll.storage.port import Result

R = TypeVar("R", bound=msgspec.Struct)

_SCALARS = (str, int, float, bool, bytes, NoneType)
_PLAIN = frozenset({str, int, float, bytes, bool, NoneType})


class RowDecoder(Generic[R]):
    """Turns the rows of a result into structs; a field that is not a scalar is read from a JSON column."""

    def __init__(self, row: type[R]) -> None:
        self._row = row
        self._json = {
            field.encode_name: msgspec.json.Decoder(field.type)
            for field in msgspec.structs.fields(row)
            if not _is_scalar(field.type)
        }

    def all(self, result: Result) -> list[R]:
        """Raises StorageError naming the column that does not fit."""
        return [self._one(result.columns, values) for values in result.rows]

    def first(self, result: Result) -> R | None:
        """The first row, or None when there is none."""
        return self._one(result.columns, result.rows[0]) if result.rows else None

    def _one(self, columns: tuple[str, ...], values: tuple[Any, ...]) -> R:
        row = dict(zip(columns, values, strict=True))
        try:
            for name, decoder in self._json.items():
                if isinstance(text := row.get(name), str | bytes):
                    row[name] = decoder.decode(text)
            return msgspec.convert(row, self._row, strict=False)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise StorageError(f"a row does not fit {self._row.__name__}: {error}") from error


@lru_cache(maxsize=1024)
def decoder_for(row: type[R]) -> RowDecoder[R]:
    """Return the decoder of a row type, made once."""
    get_type_hints(row)
    return RowDecoder(row)


def bind(value: Any) -> Any:
    """Return `value` as a driver takes it: scalars as they are, enums by value, the rest as JSON text."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, enum.Enum):
        return value.value
    return msgspec.json.encode(value).decode()


def bound(args: Sequence[Any]) -> Sequence[Any]:
    """Return arguments as a driver takes them (see `bind`): the same ones when all are scalars, as most often."""
    return args if _PLAIN.issuperset(map(type, args)) else [bind(each) for each in args]


def _is_scalar(kind: Any) -> bool:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return all(_is_scalar(each) for each in get_args(kind))
    if origin is Literal:
        return True
    if hasattr(kind, "__metadata__"):
        return _is_scalar(kind.__origin__)
    return kind is Any or (isinstance(kind, type) and issubclass(kind, (*_SCALARS, enum.Enum)))
