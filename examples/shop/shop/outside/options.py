"""What both programs take on the command line, and how they misbehave."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from atoll.core import Settings

Fault = Literal["none", "refused", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where to listen and keep the books, and at which rates (0 to 1) to fail and to be slow."""

    port: int
    data: Path
    failing: float
    slow: float
    seed: int


class Faults:
    """Misbehaviour by the dice, the same for the same seed.

    A request that is `refused` is not done; one that is `lost` is done, but its answer never comes.
    """

    def __init__(self, *, failing: float, slow: float, seed: int) -> None:
        self._failing, self._slow = failing, slow
        self._random = Random(seed)

    def next_fault(self) -> Fault:
        """Decide on one request."""
        if self._random.random() >= self._failing:
            return "none"
        return self._random.choice(("refused", "lost"))

    def next_delay(self) -> float:
        """Return how many seconds the next answer takes: a few milliseconds, or most of a second."""
        if self._random.random() < self._slow:
            return self._random.uniform(0.3, 0.9)
        return self._random.uniform(0.002, 0.008)


def read_options(program: str, argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> Options:
    """Read the command line of a program; its books stand beside the services' databases unless told otherwise."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, default=None, help="the directory of its books")
    parser.add_argument("--failing", type=_rate, default=0.0, help="share of requests that fail, 0 to 1")
    parser.add_argument("--slow", type=_rate, default=0.0, help="share of requests that are slow, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    found = parser.parse_args(argv)
    data: Path = found.data if found.data is not None else Path(environ.get("ATOLL_DATA") or _beside_databases(environ))
    data.mkdir(parents=True, exist_ok=True)
    return Options(port=found.port, data=data, failing=found.failing, slow=found.slow, seed=found.seed)


def _beside_databases(environ: Mapping[str, str]) -> Path:
    scheme, _, path = Settings.read(environ).database_url.partition(":///")
    return Path(path).parent if scheme == "sqlite" else Path(".")


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return rate
