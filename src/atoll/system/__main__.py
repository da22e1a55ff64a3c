"""`python -m atoll.system MODULE:SYSTEM`: a system as a process of its own, told of in JSON lines (see `running`)."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec

from atoll.core import AtollError
from atoll.system.directory import StateDirectory
from atoll.system.errors import PlatformError
from atoll.system.platform import START_SECONDS, Options
from atoll.system.progress import Progress, Refusal
from atoll.system.replicas import parse_replicas
from atoll.system.supervisor import supervise
from atoll.system.target import load_system


def main() -> int:
    """Run the system named on the command line until standard input ends."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m atoll.system")
    parser.add_argument("target")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--single", action="store_true")
    parser.add_argument("--replicas", default="")
    parser.add_argument("--gateway-port", type=int)
    parser.add_argument("--start-seconds", type=float, default=START_SECONDS)
    chosen = parser.parse_args()
    try:
        options = Options(
            single=chosen.single,
            replicas=parse_replicas(chosen.replicas),
            gateway_port=chosen.gateway_port,
            start_seconds=chosen.start_seconds,
            began=began,
        )
        system = load_system(chosen.target)
        directory = StateDirectory(chosen.directory, system.name)
        supervise(system, directory, target=chosen.target, options=options, report=tell, attached=True)
    except AtollError as error:
        code = error.exit_code if isinstance(error, PlatformError) else 1
        tell(Refusal(text=str(error), exit_code=code))
        return code
    return 0


def tell(progress: Progress) -> None:
    """Write a record as a line."""
    sys.stdout.buffer.write(msgspec.json.encode(progress) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
