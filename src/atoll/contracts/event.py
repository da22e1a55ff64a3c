"""Facts that services publish: frozen structs with a stable CloudEvents type."""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform

import msgspec

from atoll.contracts.problem import wire_name
from atoll.core.errors import DeclarationError


class EventMeta(msgspec.StructMeta):
    """Gives each event class its wire type and its ordering key."""

    event_type: str
    event_key: str | None

    def __new__(
        mcls,
        name: str,
        bases: tuple[type[Any], ...],
        namespace: dict[str, Any],
        *,
        key: str | None = None,
        version: int = 1,
        event_type: str = "",
        **options: Any,
    ) -> EventMeta:
        options = {"frozen": True, "kw_only": True} | options
        cls = super().__new__(mcls, name, bases, namespace, **options)
        fields: tuple[str, ...] = cls.__struct_fields__
        if key is not None and key not in fields:
            raise DeclarationError(f"event {name}: key={key!r} is not one of its fields ({', '.join(fields)})")
        cls.event_type = event_type or f"{wire_name(cls)}.v{version}"
        if key is not None or not hasattr(cls, "event_key"):
            cls.event_key = key
        return cls


# On the class rather than the metaclass: mypy finds msgspec's own transform, on Struct, before it looks there.
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Event(msgspec.Struct, metaclass=EventMeta, frozen=True, kw_only=True):
    """Base of the events of a contract: a fact in the past tense.

    `class StockReserved(Event, key="sku")` has the CloudEvents type `shop.inventory.StockReserved.v1` when it
    stands in `shop.contracts.inventory`. `key` names the field whose value orders events: those with the same
    value arrive in the order they were committed. Without a key an event has no order. `version` changes the
    type's last part; `event_type` sets the whole of it.
    """

    event_type: ClassVar[str]
    event_key: ClassVar[str | None]


def ordering_key(event: Event) -> str:
    """Return the value events are ordered by, as text; empty for an event without a key."""
    return "" if event.event_key is None else str(getattr(event, event.event_key))
