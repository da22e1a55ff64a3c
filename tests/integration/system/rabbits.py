"""Systems of one consuming service, whose names are theirs alone at the broker they share with other tests."""

from __future__ import annotations

from atoll.system import System
from tests.integration.system.pair import PROGRAMS, CounterService, DeskService

rabbits = System("rabbits", services=[CounterService, DeskService], programs=PROGRAMS)
reserved = System("amq", services=[CounterService])
