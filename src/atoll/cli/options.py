"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

STATE: Final = Path(".atoll")

Directory = Annotated[
    Path, typer.Option("--directory", "-d", envvar="ATOLL_DIRECTORY", help="Where systems keep their state.")
]
Which = Annotated[str, typer.Option("--system", "-s", help="Which system, if several run here.", show_default=False)]
Service = Annotated[str, typer.Option("--service", help="Only this service.", show_default=False)]
