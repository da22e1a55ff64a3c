"""Events and problems, made rightly and wrongly."""

from __future__ import annotations

from atoll.contracts import command, query
from tests.typing.cases.shelf import LevelChanged, ShelfFull

event = LevelChanged(sku="a", on_hand=1)
event_type: str = LevelChanged.event_type
LevelChanged(sku="a")  # error
LevelChanged(sku="a", on_hand="1")  # error
LevelChanged("a", 1)  # error
event.on_hand = 2  # error

problem = ShelfFull(sku="a")
room: int = problem.room
raised: Exception = ShelfFull(sku="a", room=1)
ShelfFull()  # error
ShelfFull(sku=1)  # error
ShelfFull(sku="a", shelf="b")  # error


class Declared:
    @command("POST /a", raises=[ShelfFull])
    async def right(self) -> None: ...

    @command("POST /b", raises=[ValueError])  # error
    async def wrong(self) -> None: ...

    @query("GET /c", public="yes")  # error
    async def wrong_too(self) -> None: ...
