"""Domain errors that cross the wire as RFC 9457 problem details and are raised again, typed, in the caller."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final, dataclass_transform, get_origin, get_type_hints

import msgspec

from atoll.core.errors import AtollError, DeclarationError

MEMBERS: Final = frozenset({"type", "title", "status", "detail", "instance", "code"})
"""The members that every problem document has."""

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass_transform(kw_only_default=True)
class Problem(AtollError):
    """Base of a service's declared errors.

    A subclass names its status and its fields; fields travel as extension members of the problem document::

        class OutOfStock(Problem, status=409):
            \"\"\"There is not enough of this product.\"\"\"
            sku: str
            available: int

    The docstring's first line is the `detail`. The problem's `type` is `urn:problem:<package>.<module>.<Name>`
    unless `uri` is given; `status` is that of the base when it is not given. Raising a problem in a command
    rolls the command's transaction back.
    """

    status: ClassVar[int] = 400
    uri: ClassVar[str] = "about:blank"
    title: ClassVar[str] = "Problem"
    _fields: ClassVar[type[msgspec.Struct] | None] = None

    def __init_subclass__(cls, *, status: int | None = None, uri: str = "", title: str = "") -> None:
        cls.status = cls.status if status is None else status
        if not 400 <= cls.status <= 599:
            raise DeclarationError(f"{cls.__name__}: status={status}, but a problem's status is from 400 to 599")
        cls.code = _CAPITAL.sub("_", cls.__name__).lower()
        cls.title = title or cls.code.replace("_", " ").capitalize()
        cls.uri = uri or f"urn:problem:{wire_name(cls)}"
        cls._fields = None
        for name, hint in inspect.get_annotations(cls).items():
            if "ClassVar" not in str(hint) and (name in MEMBERS or hasattr(Problem, name)):
                raise DeclarationError(f"{cls.__name__}: a field cannot be called {name!r}, which every problem has")

    def __init__(self, **fields: Any) -> None:
        names = self.struct().__struct_fields__
        if unknown := sorted(set(fields) - set(names)):
            raise TypeError(f"{type(self).__name__} has no field {', '.join(unknown)}")
        values = self.struct()(**fields)
        for name in names:
            setattr(self, name, getattr(values, name))
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        """One sentence for people: the docstring's first line."""
        return (type(self).__doc__ or type(self).title).strip().partition("\n")[0]

    @classmethod
    def struct(cls) -> type[msgspec.Struct]:
        """The fields as a struct, for validation and schemas."""
        if cls._fields is None:
            own = [
                (name, hint, getattr(cls, name)) if hasattr(cls, name) else (name, hint)
                for name, hint in get_type_hints(cls, include_extras=True).items()
                if get_origin(hint) is not ClassVar and name not in AtollError.__annotations__
            ]
            cls._fields = msgspec.defstruct(cls.__name__, own, kw_only=True, module=cls.__module__)
        return cls._fields

    def document(self, *, instance: str = "") -> dict[str, Any]:
        """Return the problem document (RFC 9457 §3)."""
        document: dict[str, Any] = {
            "type": self.uri,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if instance:
            document["instance"] = instance
        fields = {name: getattr(self, name) for name in self.struct().__struct_fields__}
        document.update(msgspec.to_builtins(fields, str_keys=True))
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Problem:
        """Make the problem again from its document. Raises msgspec.ValidationError when fields do not fit."""
        values = msgspec.convert(document, cls.struct(), str_keys=True)
        return cls(**{name: getattr(values, name) for name in values.__struct_fields__})


class UnknownProblem(Problem, status=500, uri="about:blank"):
    """A problem that no class here declares, kept as the document it came as."""

    received: dict[str, Any] = {}

    @property
    def detail(self) -> str:
        return str(self.received.get("detail") or self.received.get("title") or "unknown problem")

    def document(self, *, instance: str = "") -> dict[str, Any]:
        return self.received


def problem_from(document: dict[str, Any]) -> Problem:
    """Make the problem that `document` describes again, typed when its class is loaded."""
    for cls in _below(Problem):
        if cls.uri == document.get("type") and cls is not UnknownProblem:
            return cls.from_document(document)
    return UnknownProblem(received=document)


def _below(cls: type[Problem]) -> Iterator[type[Problem]]:
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def wire_name(cls: type[Any]) -> str:
    """Return `<top package>.<module>.<Name>`, the stable name of a class on the wire."""
    parts = cls.__module__.split(".")
    return ".".join(dict.fromkeys([parts[0], parts[-1]])) + f".{cls.__name__}"
