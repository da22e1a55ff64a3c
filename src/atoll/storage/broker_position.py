"""How far the broker's store had come when rows of the outbox were noted as confirmed."""

from __future__ import annotations

import msgspec


class BrokerPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a broker's store up to which everything was stored that the outbox notes as confirmed.

    `store` tells one store from another that takes its place, `place` counts what the store has taken, and `witness` is
    the id of the message there: a store that was put back to an older copy may have something else at that place by
    now. What the store cannot tell is empty.
    """

    store: str = ""
    place: int = 0
    witness: str = ""
