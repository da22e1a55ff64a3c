"""Keeps the leases of the sagas in hand, and goes on with those that nobody works on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from atoll.saga import points
from atoll.saga.claims import Claims
from atoll.saga.declare import SagaDefinition
from atoll.saga.errors import SagaChanged
from atoll.saga.events import HeardEvents
from atoll.saga.failures import document_of
from atoll.saga.in_hand import InHand
from atoll.saga.journal import Journal
from atoll.saga.lookout import Lookout
from atoll.saga.rows import Lease, SagaRow, Stuck

STRAY_SECONDS: Final = 60.0
"""For how long a saga whose code is not here is left to other replicas, as while versions change."""
SWEEP_SECONDS: Final = 60.0

_logger = logging.getLogger(__name__)


class Keeper:
    """Looks around each third of a lease, and whenever a saga is to be woken."""

    def __init__(
        self,
        journal: Journal,
        claims: Claims,
        events: HeardEvents,
        definitions: Mapping[tuple[str, int], SagaDefinition],
        in_hand: InHand,
        lookout: Lookout,
    ) -> None:
        self._journal = journal
        self._claims = claims
        self._clock = journal.clock
        self._events = events
        self._definitions = definitions
        self._in_hand = in_hand
        self._lookout = lookout
        self._dropped: set[str] = set()
        self._looked = 0.0
        self._renewed = self._clock.monotonic()
        self._swept = self._clock.monotonic()

    @property
    def _period(self) -> float:
        return self._journal.lease_seconds / 3

    def drop(self, saga_id: str) -> None:
        """Note that this process holds a saga and does not work on it."""
        self._dropped.add(saga_id)

    async def keep(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                pause = await self._until_next()
            except Exception:
                pause = self._period
                _logger.exception("the sagas that rest could not be looked up")
            await self._lookout.wait(pause)
            try:
                await self._renew()
                await self.look()
                await self._sweep()
            except Exception:
                _logger.exception("the sagas that are to be gone on with could not be looked up")

    async def look(self) -> None:
        """Claim what may be claimed, and work on it."""
        self._looked = self._clock.now()
        dropped, self._dropped = self._dropped, set()
        for row in await self._claims.claimable(dropped - self._in_hand.leases.keys()):
            if row.id in self._in_hand.leases:
                continue
            if (row.name, row.version) in self._definitions:
                await self._take(row)
            elif self._clock.now() > max(row.lease_until, row.wake_at or 0.0) + STRAY_SECONDS:
                await self._park_stray(row)

    async def _take(self, seen: SagaRow) -> None:
        if (row := await self._claims.claim(seen)) is not None:
            points.CLAIMED.reached()
            _logger.info("resuming saga %s (%s)", row.id, row.name)
            self._in_hand.take_up(row)

    async def _renew(self) -> None:
        now, leases = self._clock.monotonic(), list(self._in_hand.leases.values())
        if leases and now - self._renewed >= self._period * 0.9:
            await self._claims.renew(leases)
            self._renewed = now
            points.RENEWED.reached()

    async def _sweep(self) -> None:
        now = self._clock.monotonic()
        if now - self._swept >= SWEEP_SECONDS and any(each.waits_for for each in self._definitions.values()):
            self._swept = now
            await self._events.sweep()

    async def _until_next(self) -> float:
        wake = await self._claims.next_wake(self._looked)
        return self._period if wake is None else min(self._period, max(0.0, wake - self._clock.now()))

    async def _park_stray(self, seen: SagaRow) -> None:
        if (row := await self._claims.claim(seen)) is None:
            return
        here = sorted(version for name, version in self._definitions if name == row.name)
        error = SagaChanged(
            row.id,
            f"saga {row.name} began with version {row.version} of its code, "
            f"and there is {_listed(here)}; start the code it began with (an old version may stay "
            f'beside the new one: @saga(name="{row.name}", version={row.version})), then: atoll sagas retry',
        )
        _logger.error("saga %s (%s) is parked: %s", row.id, row.name, error)
        lease = Lease(row.id, row.epoch, row.lease_until)

        async def work() -> None:
            self._journal.end(lease, "parked", stuck=Stuck(error=document_of(error)))

        await self._journal.writing(lease, work)


def _listed(versions: list[int]) -> str:
    return "none of that name here" if not versions else f"version {', '.join(map(str, versions))} here"
