"""`atoll up`: load the system, run it, tell about it."""

from __future__ import annotations

import time
from pathlib import Path

from atoll.cli.finding import here_first
from atoll.cli.telling import teller
from atoll.system.directory import StateDirectory
from atoll.system.platform import Options
from atoll.system.replicas import parse_replicas
from atoll.system.supervisor import supervise
from atoll.system.target import default_target, load_system


def run_system(target: str, root: Path, *, single: bool, replicas: str, gateway_port: int | None) -> None:
    """Run until a signal. Raises AtollError with what keeps it from running."""
    began = time.monotonic()
    here_first()
    target = target or default_target(Path.cwd())
    system = load_system(target)
    options = Options(single=single, replicas=parse_replicas(replicas), gateway_port=gateway_port, began=began)
    with teller(system.name, root) as report:
        supervise(system, StateDirectory(root, system.name), target=target, options=options, report=report)
