"""`atoll events` says which service it asked when there is nothing to show."""

from __future__ import annotations

import io
from typing import cast

import pytest
from rich.console import Console

from atoll.cli.errors import CallFailed
from atoll.cli.events import Wanted, _first
from atoll.cli.operator import Operator


class Storeless:
    """Services without an event store."""

    def __init__(self, *names: str) -> None:
        self.names = names

    async def ask(self, name: str, method: str, path: str) -> None:
        return None


@pytest.mark.parametrize(
    ("names", "sentence"),
    [(["payment"], "payment has no event store"), (["auth", "payment"], "no service here has an event store")],
)
async def test_who_has_no_event_store_is_named(names: list[str], sentence: str) -> None:
    wanted = Wanted(stream="", everything=True, at="", types=[], tags=[], limit=1)
    with pytest.raises(CallFailed, match=f"^{sentence}$"):
        await _first(cast("Operator", Storeless(*names)), Console(file=io.StringIO()), wanted)
