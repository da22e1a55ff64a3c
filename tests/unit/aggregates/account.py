"""An account: a plain class that needs nothing of the toolkit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from atoll.aggregates import Recording
from atoll.contracts import Event, Personal


class Opened(Event):
    account: str
    owner: str
    name: Annotated[str, Personal("owner", erased="(erased)")] = ""


class Deposited(Event):
    amount: int


class Refused(Exception):
    """More than there is."""


@dataclass
class Account:
    balance: int = 0
    names: list[str] = field(default_factory=list[str])

    def open(self, account: str, owner: str, name: str) -> Opened:
        return Opened(account=account, owner=owner, name=name)

    def deposit(self, amount: int) -> list[Deposited]:
        if self.balance + amount < 0:
            raise Refused
        return [Deposited(amount=amount)] if amount else []

    def apply(self, event: Opened | Deposited) -> None:
        match event:
            case Opened():
                self.names.append(event.name)
            case Deposited():
                self.balance += event.amount


@dataclass
class Diary(Recording):
    """Records what it decides, and sees it at once."""

    total: int = 0

    def twice(self, amount: int) -> None:
        self.record(Deposited(amount=amount))
        self.record(Deposited(amount=self.total))

    def apply(self, event: Deposited) -> None:
        self.total += event.amount


@dataclass(frozen=True)
class Frozen:
    """Becomes another one with each event."""

    total: int = 0

    def apply(self, event: Deposited) -> Frozen:
        return Frozen(self.total + event.amount)
