"""How lower layers tell what happened without knowing who listens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")

_logger = logging.getLogger(__name__)


class Hooks:
    """A set of observers by record type; `emit` hands a frozen record to each of them, in order.

    A hook only observes: what it raises is logged and changes nothing for the caller.
    With no observer for a record's type, `emit` costs one dictionary look-up.
    """

    def __init__(self) -> None:
        self._observers: dict[type[Any], list[Callable[[Any], None]]] = {}

    def on(self, kind: type[R], observer: Callable[[R], None]) -> None:
        """Call `observer` with every record of exactly the type `kind` from now on."""
        self._observers.setdefault(kind, []).append(observer)

    def wants(self, kind: type[Any]) -> bool:
        """Tell whether anyone listens, for records that are dear to build."""
        return kind in self._observers

    def emit(self, record: object) -> None:
        """Hand `record` to the observers of its type."""
        for observer in self._observers.get(type(record), ()):
            try:
                observer(record)
            except Exception:
                _logger.exception("a hook for %s failed", type(record).__name__)
