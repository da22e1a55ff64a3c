"""`python -m tests.integration.migrations.migrator URL FOLDER [kill]`: one migrator, which may kill itself half-way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from atoll.migrations.migrate import Target
from atoll.migrations.plan import APPLIED


def main() -> None:
    url, folder, *kill = sys.argv[1:]
    if kill:
        APPLIED.arm(lambda: os.kill(os.getpid(), signal.SIGKILL))
    sys.stdout.write(" ".join(asyncio.run(Target("order", url, Path(folder)).migrate())))


if __name__ == "__main__":
    main()
