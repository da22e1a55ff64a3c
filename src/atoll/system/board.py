"""What the supervisor knows of its system, written to state.json at every change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from atoll.system.directory import StateDirectory
from atoll.system.state import ProcessState, Stage, State

_logger = logging.getLogger(__name__)


class Board:
    """The state of one system; `sources` are asked for their processes at every change."""

    def __init__(self, directory: StateDirectory, state: State) -> None:
        self.state = state
        self.sources: list[Callable[[], Iterable[ProcessState]]] = []
        self._directory = directory
        self._own = state.processes

    def know(self, **facts: Any) -> None:
        """Set fields of the state."""
        self.state = msgspec.structs.replace(self.state, **facts)
        self.changed()

    def become(self, stage: Stage) -> None:
        """Enter a stage of the system's life; once stopped, it has no processes."""
        if stage == "stopped":
            self.sources.clear()
            self._own = ()
        self.know(stage=stage)

    def changed(self) -> None:
        """Ask the sources again and write. A full disk is logged; the system goes on."""
        found = [process for source in self.sources for process in source()]
        self.state = msgspec.structs.replace(self.state, processes=(*self._own, *found))
        try:
            self._directory.write(self.state)
        except OSError:
            _logger.exception("state.json could not be written")
