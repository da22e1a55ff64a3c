"""A model of outbox, broker, inbox: facts with one key, two workers that relay and consume, crashes anywhere.

What it abstracts:

- A database transaction is one move: all of it happens or nothing, and transactions run one after the other.
- The broker is a log. It stores durably and hands out oldest first. What a crashed worker had in hand it hands
  out again before what is newer; it may take back anything else at any moment (a hold that ran out), also while
  its consumer goes on: a stopped process is one that is not given a move for long.
- An answer that is lost (confirmation, ack) is a move of its own beside the one where it arrives.
- A crash empties what a worker has in memory. At most `CRASHES` of them happen, and the broker drops a repeated
  publication, as it may, once it has stored `REPETITIONS`. Both keep the model finite.
- Backoff, dead letters, batches and sweeps are left out. Order is promised while one consumer has the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tests.model.checker import Move

Bug = Literal[
    "", "ack before commit", "no inbox row", "inbox row by itself", "publish before commit", "mark before publish"
]
Hand = tuple[int, str]

CRASHES: Final = 2
REPETITIONS: Final = 1


class State(NamedTuple):
    """`rows` are the outbox; `log` is the broker's, by fact and by what became of it; `effects` are in order.

    `relays` and `consumers` are what each worker has in memory. `early` is what was published before its commit.
    """

    committed: int = 0
    early: int = 0
    rows: tuple[str, ...] = ()
    log: tuple[Hand, ...] = ()
    relays: tuple[Hand | None, ...] = (None, None)
    consumers: tuple[Hand | None, ...] = (None, None)
    inbox: frozenset[int] = frozenset()
    effects: tuple[int, ...] = ()
    crashes: int = CRASHES


@dataclass(frozen=True)
class Delivery:
    """`facts` are committed one after the other. With `consumers` 1 only the first worker consumes."""

    bug: Bug = ""
    facts: int = 1
    consumers: int = 2

    def start(self) -> State:
        return State()

    def wrong(self, state: State) -> str:
        if len(set(state.effects)) < len(state.effects):
            return "an effect happened twice"
        if any(fact >= state.committed for fact in state.effects):
            return "an effect of what was never committed"
        if self.consumers == 1 and list(state.effects) != sorted(state.effects):
            return "the effects are out of order"
        if self.finished(state) and len(state.effects) < self.facts:
            return "a fact is lost"
        return ""

    def finished(self, state: State) -> bool:
        quiet = not any((*state.relays, *state.consumers))
        settled = all(what == "settled" for _, what in state.log)
        return state.committed == self.facts and set(state.rows) == {"confirmed"} and quiet and settled

    def moves(self, state: State) -> Iterator[Move[State]]:
        yield from self._commits(state)
        yield from self._returns(state)
        for worker in (0, 1):
            yield from self._relays(state, worker)
            if worker < self.consumers:
                yield from self._consumes(state, worker)
            if state.crashes:
                yield f"worker {worker} crashes", self._crashed(state, worker)

    def _commits(self, state: State) -> Iterator[Move[State]]:
        fact = state.committed
        if fact == self.facts:
            return
        if self.bug == "publish before commit":
            if state.early == fact:
                yield f"publish {fact}", _stored(state._replace(early=fact + 1), fact)
            if state.early > fact:
                yield f"commit {fact}", state._replace(committed=fact + 1, rows=(*state.rows, "confirmed"))
        else:
            yield f"commit {fact}", state._replace(committed=fact + 1, rows=(*state.rows, "pending"))

    def _relays(self, state: State, worker: int) -> Iterator[Move[State]]:
        hand = state.relays[worker]
        if hand is None:
            if "pending" in state.rows:
                fact = state.rows.index("pending")
                before = _marked(state, fact) if self.bug == "mark before publish" else state
                yield f"worker {worker} reads {fact}", _relay(before, worker, (fact, "read"))
        elif hand[1] == "read":
            stored = _stored(state, hand[0])
            yield f"worker {worker} publishes {hand[0]}", _relay(stored, worker, (hand[0], "published"))
            yield f"worker {worker} publishes {hand[0]}, unconfirmed", _relay(stored, worker, None)
        else:
            yield f"worker {worker} marks {hand[0]}", _relay(_marked(state, hand[0]), worker, None)

    def _consumes(self, state: State, worker: int) -> Iterator[Move[State]]:
        hand = state.consumers[worker]
        if hand is None:
            place = next((place for place, (_, what) in enumerate(state.log) if what == "waiting"), None)
            if place is not None:
                yield (
                    f"worker {worker} takes entry {place}",
                    _hold(_set(state, place, "in hand"), worker, (place, "taken")),
                )
        elif self.bug == "ack before commit":
            yield from self._acks_first(state, worker, hand)
        elif hand[1] == "taken":
            yield from self._handles(state, worker, hand[0])
        elif hand[1] == "noted":
            yield (
                f"worker {worker} acts on entry {hand[0]}",
                _hold(self._acted(state, hand[0]), worker, (hand[0], "done")),
            )
        else:
            yield f"worker {worker} acks entry {hand[0]}", _hold(_set(state, hand[0], "settled"), worker, None)
            yield f"worker {worker} acks entry {hand[0]}, unheard", _hold(state, worker, None)

    def _handles(self, state: State, worker: int, place: int) -> Iterator[Move[State]]:
        fact = state.log[place][0]
        if fact in state.inbox:
            yield f"worker {worker} knows entry {place}", _hold(state, worker, (place, "done"))
        elif self.bug == "inbox row by itself":
            noted = state._replace(inbox=state.inbox | {fact})
            yield f"worker {worker} notes entry {place}", _hold(noted, worker, (place, "noted"))
        else:
            inbox = state.inbox if self.bug == "no inbox row" else state.inbox | {fact}
            acted = self._acted(state._replace(inbox=inbox), place)
            yield f"worker {worker} handles entry {place}", _hold(acted, worker, (place, "done"))

    def _acks_first(self, state: State, worker: int, hand: Hand) -> Iterator[Move[State]]:
        if hand[1] == "taken":
            yield (
                f"worker {worker} acks entry {hand[0]}",
                _hold(_set(state, hand[0], "settled"), worker, (hand[0], "acked")),
            )
        else:
            for name, handled in self._handles(state, worker, hand[0]):
                yield name, _hold(handled, worker, None)

    def _returns(self, state: State) -> Iterator[Move[State]]:
        for place, (_, what) in enumerate(state.log):
            if what == "in hand":
                yield f"entry {place} comes again", _set(state, place, "waiting")

    @staticmethod
    def _acted(state: State, place: int) -> State:
        return state._replace(effects=(*state.effects, state.log[place][0]))

    @staticmethod
    def _crashed(state: State, worker: int) -> State:
        hand = state.consumers[worker]
        if hand is not None and state.log[hand[0]][1] == "in hand":
            state = _set(state, hand[0], "waiting")
        return _hold(_relay(state, worker, None), worker, None)._replace(crashes=state.crashes - 1)


def _stored(state: State, fact: int) -> State:
    """The broker has `fact`, once more if it had it, or drops the repetition."""
    stored = {each for each, _ in state.log}
    if fact in stored and len(state.log) - len(stored) >= REPETITIONS:
        return state
    return state._replace(log=(*state.log, (fact, "waiting")))


def _relay(state: State, worker: int, hand: Hand | None) -> State:
    return state._replace(relays=_with(state.relays, worker, hand))


def _hold(state: State, worker: int, hand: Hand | None) -> State:
    return state._replace(consumers=_with(state.consumers, worker, hand))


def _with(hands: tuple[Hand | None, ...], worker: int, hand: Hand | None) -> tuple[Hand | None, ...]:
    return (*hands[:worker], hand, *hands[worker + 1 :])


def _marked(state: State, fact: int) -> State:
    return state._replace(rows=(*state.rows[:fact], "confirmed", *state.rows[fact + 1 :]))


def _set(state: State, place: int, what: str) -> State:
    return state._replace(log=(*state.log[:place], (state.log[place][0], what), *state.log[place + 1 :]))
