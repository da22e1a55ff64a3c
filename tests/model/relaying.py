"""A model of the relay's lease: two relays of one lane, a broker that may lose its store, crashes and pauses anywhere.

What it abstracts:

- A database transaction is one move. The fence is part of it: the lane's row in the table of leases is locked until
  the commit. What a relay reads, it reads as it is at that moment.
- Time is gone. A lease may run out whenever its holder has not just prolonged it; a stopped process is one that is
  not given a move for long. A late relay goes on sending the page that it has, on any connection, and noting it. It
  reads no new page, because it looks at its clock before it sends what it has read: that two clocks do not differ
  by more than the lease's spare time is taken for granted here, and "late relays read" shows what it is needed for.
- The broker keeps the first copy of a message. Later ones are repetitions, which an inbox knows (see `delivery`), and
  are left out. When it loses its store every connection breaks; each relay has one of its own.
- An answer that is lost is a move of its own beside the one where it arrives.
- A crash empties what a relay has in memory. At most `CRASHES` of them happen, the lease runs out at most `EXPIRIES`
  times and the store is lost at most `LOSSES` times, which keeps the model finite.
- All messages are of one lane: ranges of keys and what is held behind a refused message are left out, and so are
  sweeps, because what was swept cannot be published again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tests.model.checker import Move

Bug = Literal[
    "", "no fence", "store not looked at", "loss not told", "note before send", "sent in any order", "late relays read"
]

CRASHES: Final = 1
EXPIRIES: Final = 2
LOSSES: Final = 1
UNKNOWN: Final = 0
"""No store has this number."""


class Hand(NamedTuple):
    """What a relay has in memory.

    `epoch` is what it claimed under and `noted` the store that was noted then, or later by itself; `seen` is the
    store it has looked at on its connection. `page` is to be sent, `sent` to be noted, as of the store `noting`.
    """

    epoch: int
    noted: int
    seen: int = UNKNOWN
    page: tuple[int, ...] = ()
    sent: tuple[int, ...] = ()
    noting: int = UNKNOWN


class State(NamedTuple):
    """`confirmed` tells of each committed message whether the outbox has it as published; `log` is the stream."""

    confirmed: tuple[bool, ...] = ()
    epoch: int = 1
    owner: int = 0
    held: bool = True
    noted: int = UNKNOWN
    store: int = 1
    log: tuple[int, ...] = ()
    relays: tuple[Hand | None, ...] = (Hand(1, UNKNOWN), None)
    crashes: int = CRASHES
    expiries: int = EXPIRIES
    losses: int = LOSSES


@dataclass(frozen=True)
class Relaying:
    """`messages` are committed one after the other."""

    bug: Bug = ""
    messages: int = 2

    def start(self) -> State:
        return State()

    def wrong(self, state: State) -> str:
        if list(state.log) != sorted(state.log):
            return "the first copies are out of order"
        if self.finished(state) and len(state.log) < self.messages:
            return "a message is lost"
        return ""

    def finished(self, state: State) -> bool:
        """All is noted as confirmed by the store that is there, and nobody has anything left to do."""
        done = len(state.confirmed) == self.messages and all(state.confirmed) and state.noted == state.store
        return done and not any(hand.page or hand.sent for hand in state.relays if hand)

    def moves(self, state: State) -> Iterator[Move[State]]:
        if len(state.confirmed) < self.messages:
            yield "commit", state._replace(confirmed=(*state.confirmed, False))
        if state.held and state.expiries:
            yield "the lease runs out", state._replace(held=False, expiries=state.expiries - 1)
        if state.losses:
            yield "the broker loses its store", state._replace(store=state.store + 1, log=(), losses=state.losses - 1)
        for relay, hand in enumerate(state.relays):
            if hand is None:
                yield from self._claims(state, relay)
                continue
            if hand.epoch == state.epoch and not state.held:
                yield f"relay {relay} prolongs", state._replace(held=True)
            if state.crashes:
                yield f"relay {relay} crashes", _with(state._replace(crashes=state.crashes - 1), relay, None)
            yield from self._works(state, relay, hand)

    def _claims(self, state: State, relay: int) -> Iterator[Move[State]]:
        if not state.held or state.owner == relay:
            taken = state._replace(epoch=state.epoch + 1, owner=relay, held=True)
            yield f"relay {relay} claims", _with(taken, relay, Hand(taken.epoch, state.noted))

    def _works(self, state: State, relay: int, hand: Hand) -> Iterator[Move[State]]:
        told = hand.seen == UNKNOWN or (hand.seen != state.store and self.bug != "loss not told")
        if hand.noting != UNKNOWN:
            yield self._notes(state, relay, hand)
        if told:
            yield self._compares(state, relay, hand)
        if told and self.bug != "store not looked at":
            return
        if hand.page:
            yield from self._sends(state, relay, hand)
        elif (hand.epoch == state.epoch or self.bug == "late relays read") and (
            ready := tuple(n for n, done in enumerate(state.confirmed) if not done and n not in hand.sent)
        ):
            sent = ready if self.bug == "note before send" else hand.sent
            yield f"relay {relay} reads", _with(state, relay, hand._replace(page=ready, sent=sent))
        if hand.sent and hand.noting == UNKNOWN:
            yield f"relay {relay} begins to note", _with(state, relay, hand._replace(noting=state.store))

    def _compares(self, state: State, relay: int, hand: Hand) -> Move[State]:
        """Look at the store of a new connection. What it has confirmed before vouches for nothing any more."""
        fresh = Hand(hand.epoch, hand.noted, seen=state.store)
        if hand.noted in (UNKNOWN, state.store):
            return f"relay {relay} knows the store", _with(state, relay, fresh)
        if hand.epoch != state.epoch:
            return f"relay {relay} may not refill", _with(state, relay, None)
        recalled = state._replace(confirmed=tuple(False for _ in state.confirmed), noted=UNKNOWN, held=True)
        return f"relay {relay} refills", _with(recalled, relay, fresh._replace(noted=UNKNOWN))

    def _sends(self, state: State, relay: int, hand: Hand) -> Iterator[Move[State]]:
        for number in hand.page if self.bug == "sent in any order" else hand.page[:1]:
            stored = state if number in state.log else state._replace(log=(*state.log, number))
            left = tuple(each for each in hand.page if each != number)
            sent = tuple(sorted({*hand.sent, number}))
            yield f"relay {relay} sends {number}", _with(stored, relay, hand._replace(page=left, sent=sent))
            yield f"relay {relay} sends {number}, unconfirmed", _with(stored, relay, hand._replace(page=()))
        yield f"relay {relay} cannot send", _with(state, relay, hand._replace(page=()))

    def _notes(self, state: State, relay: int, hand: Hand) -> Move[State]:
        if hand.epoch != state.epoch and self.bug != "no fence":
            return f"relay {relay} is fenced off", _with(state, relay, None)
        confirmed = tuple(done or number in hand.sent for number, done in enumerate(state.confirmed))
        noted = state._replace(confirmed=confirmed, noted=hand.noting, held=True)
        return f"relay {relay} notes", _with(noted, relay, hand._replace(noted=hand.noting, sent=(), noting=UNKNOWN))


def _with(state: State, relay: int, hand: Hand | None) -> State:
    return state._replace(relays=(*state.relays[:relay], hand, *state.relays[relay + 1 :]))
