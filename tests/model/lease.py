"""A model of a saga's journal and lease: two workers, a local step, a remote step, crashes and pauses anywhere.

What it abstracts:

- A database transaction is one move. The fence is part of it: the saga's row is locked until the commit.
- Time is gone. A lease may run out whenever its holder has not just prolonged it, however slow or fast the clocks
  are; a stopped process is one that is not given a move for long. So nothing here depends on how long anything takes.
- The remote service does its work once for each idempotency key and keeps the reply; calls and replies may be lost.
- A crash empties what a worker has in memory. At most `CRASHES` of them happen and the lease runs out at most
  `EXPIRIES` times, which keeps the model finite. What a worker held that is gone for certain, anybody takes at once.
- Compensation walks the same journal in reverse by the same moves, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tests.model.checker import Move

Bug = Literal["", "no fence", "fence checked first", "no key", "step and journal apart", "epoch kept"]

CRASHES: Final = 2
EXPIRIES: Final = 2
LOCAL, REMOTE, END, ENDED = range(4)


class Hand(NamedTuple):
    """What a worker has in memory: the epoch it claimed, the step it is at, and how far it is with it."""

    epoch: int
    step: int
    stage: str = "ready"


class State(NamedTuple):
    """`journal` is how many steps are recorded; `held` tells whether the lease has not run out."""

    epoch: int = 1
    owner: int = 0
    held: bool = True
    journal: int = LOCAL
    local_effects: int = 0
    remote_effects: int = 0
    replied: bool = False
    workers: tuple[Hand | None, ...] = (Hand(1, LOCAL), None)
    zombie_wrote: bool = False
    crashes: int = CRASHES
    expiries: int = EXPIRIES


@dataclass(frozen=True)
class Lease:
    bug: Bug = ""

    def start(self) -> State:
        return State()

    def wrong(self, state: State) -> str:
        if state.zombie_wrote:
            return "a worker wrote after its saga had been taken over"
        if max(state.local_effects, state.remote_effects) > 1:
            return "a step took effect twice"
        if (state.journal > LOCAL and not state.local_effects) or (state.journal > REMOTE and not state.remote_effects):
            return "a step is recorded and did not take effect"
        return ""

    def finished(self, state: State) -> bool:
        return state.journal == ENDED and not any(state.workers)

    def moves(self, state: State) -> Iterator[Move[State]]:
        if state.held and state.expiries:
            yield "the lease runs out", state._replace(held=False, expiries=state.expiries - 1)
        for worker, hand in enumerate(state.workers):
            if hand is None:
                yield from self._claims(state, worker)
            else:
                yield from self._works(state, worker, hand)
                if hand.epoch == state.epoch and not state.held:
                    yield f"worker {worker} prolongs", state._replace(held=True)
            if state.crashes:
                crashed = _with(state, worker, None)
                yield f"worker {worker} crashes", crashed._replace(crashes=state.crashes - 1)

    def _claims(self, state: State, worker: int) -> Iterator[Move[State]]:
        if state.journal < ENDED and (not state.held or state.workers[state.owner] is None):
            epoch = state.epoch + (self.bug != "epoch kept")
            taken = state._replace(epoch=epoch, owner=worker, held=True)
            yield f"worker {worker} claims", _with(taken, worker, Hand(epoch, state.journal))

    def _works(self, state: State, worker: int, hand: Hand) -> Iterator[Move[State]]:
        if hand.step == ENDED:
            yield f"worker {worker} is done", _with(state, worker, None)
        elif hand.step == REMOTE and hand.stage == "ready":
            yield from self._calls(state, worker, hand)
        elif self.bug == "step and journal apart" and hand.step == LOCAL and hand.stage == "ready":
            acted = state._replace(local_effects=state.local_effects + 1)
            yield f"worker {worker} acts", _with(acted, worker, hand._replace(stage="acted"))
        elif self.bug == "fence checked first" and hand.stage != "checked":
            if hand.epoch == state.epoch:
                yield f"worker {worker} checks the fence", _with(state, worker, hand._replace(stage="checked"))
            else:
                yield f"worker {worker} gives up", _with(state, worker, None)
        else:
            yield from self._records(state, worker, hand)

    def _calls(self, state: State, worker: int, hand: Hand) -> Iterator[Move[State]]:
        done = state
        if not state.replied or self.bug == "no key":
            done = state._replace(remote_effects=state.remote_effects + 1, replied=True)
        yield f"worker {worker} calls", _with(done, worker, hand._replace(stage="answered"))
        yield f"worker {worker} calls, unanswered", done

    def _records(self, state: State, worker: int, hand: Hand) -> Iterator[Move[State]]:
        fenced = hand.epoch == state.epoch or self.bug == "no fence" or hand.stage == "checked"
        if not fenced:
            yield f"worker {worker} is fenced off", _with(state, worker, None)
            return
        written = state._replace(journal=max(state.journal, hand.step + 1), held=True)
        if hand.step == LOCAL and hand.stage != "acted":
            written = written._replace(local_effects=state.local_effects + 1)
        zombie = state.zombie_wrote or hand.epoch != state.epoch
        written = written._replace(zombie_wrote=zombie)
        yield f"worker {worker} records step {hand.step}", _with(written, worker, Hand(hand.epoch, hand.step + 1))


def _with(state: State, worker: int, hand: Hand | None) -> State:
    return state._replace(workers=(*state.workers[:worker], hand, *state.workers[worker + 1 :]))
