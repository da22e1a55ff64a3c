"""An explicit-state model checker: every reachable state, breadth first, so that a counterexample is a shortest one.

A model is finite. It says where it starts, which moves a state allows, what is wrong with a state, and when its
work is finished. Checked are safety (no reachable state is wrong) and termination (from every reachable state a
finished one can still be reached, and whatever has no move left is finished). Under the fairness that a move which
stays possible is made some day, and with the models' limit on crashes, the second means that the work does end.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

S = TypeVar("S", bound=Hashable)

Move = tuple[str, S]


class Model(Protocol[S]):
    """What is checked."""

    def start(self) -> S: ...

    def moves(self, state: S) -> Iterable[Move[S]]: ...

    def wrong(self, state: S) -> str:
        """A sentence when `state` must not be; empty when it may."""
        ...

    def finished(self, state: S) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Generic[S]):
    """`wrong` is empty when the model holds; otherwise `path` names the moves that lead to `state`."""

    states: int
    wrong: str = ""
    path: tuple[str, ...] = ()
    state: S | None = None


def check(model: Model[S]) -> Verdict[S]:
    """Look at every reachable state of `model`."""
    came: dict[S, Move[S] | None] = {model.start(): None}
    before: dict[S, list[S]] = defaultdict(list)
    finished: list[S] = []
    line = deque(came)
    while line:
        state = line.popleft()
        if wrong := model.wrong(state):
            return _against(came, state, wrong)
        if model.finished(state):
            finished.append(state)
        for name, following in model.moves(state):
            before[following].append(state)
            if following not in came:
                came[following] = (name, state)
                line.append(following)
    reaching = _reaching(finished, before)
    stuck = next((state for state in came if state not in reaching), None)
    return Verdict(states=len(came)) if stuck is None else _against(came, stuck, "the work can no longer be finished")


def _reaching(goals: Iterable[S], before: dict[S, list[S]]) -> set[S]:
    found = set(goals)
    line = deque(found)
    while line:
        for state in before[line.popleft()]:
            if state not in found:
                found.add(state)
                line.append(state)
    return found


def _against(came: dict[S, Move[S] | None], state: S, wrong: str) -> Verdict[S]:
    path = tuple(_path(came, state))[::-1]
    return Verdict(states=len(came), wrong=wrong, path=path, state=state)


def _path(came: dict[S, Move[S] | None], state: S) -> Iterator[str]:
    while (move := came[state]) is not None:
        name, state = move
        yield name
