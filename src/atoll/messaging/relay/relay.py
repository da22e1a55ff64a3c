"""The relay's own loop: lease, publish, note, rest.

Source: https://microservices.io/patterns/data/transactional-outbox.html. At least once: a crash between the
broker's confirmation and ours publishes a message again, under the same id.

**Why a late relay cannot break the order of a key.** A relay that is stopped just after it has looked at its lease, and
wakes when another one holds the range, may send one more page. Every relay keeps this rule: it sends a message only
when it knows of each message before it, in the same lane, that the broker has stored it, be it by the broker's
confirmation or by a confirmation in the outbox, or sends them before it in the same batch. A broker's stream
only grows. So whoever sends a message, and however late, a copy of each message before it is in the stream already:
the first copies of a lane's messages are in order whatever the relays do. Later copies are repetitions under an id
that the consumer's inbox knows. The lease is not what keeps the order; it keeps two relays from doing the same
work. What a relay writes in the database, on the other hand, must not be late: a confirmation of before a refill would
hide what the refill is to publish again. The epoch in each statement sees to that.

**When the broker loses its store** the stream does not only grow, and the rule above is rebuilt before anything newer
is sent: on a new connection, and every few seconds, the place noted with the last confirmation is looked at. When the
store does not have it any more, every confirmation still kept is taken back, and all of it goes out again in order.
Only what was sent between the loss and its discovery, on a connection that did not break, may be before what was lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from math import inf
from typing import Final

from atoll.core import Clock, Hooks, SettingsError, new_id
from atoll.core.crashing import crash_point
from atoll.core.machine import chance
from atoll.messaging.errors import MessagingError
from atoll.messaging.port import MessageQueue
from atoll.messaging.records import BrokerForgot
from atoll.messaging.relay.held import HeldLanes
from atoll.messaging.relay.noting import Noting
from atoll.messaging.relay.sending import Sending, Sent
from atoll.messaging.relay.watch import StoreWatch
from atoll.messaging.repeating import REPEAT_SECONDS
from atoll.messaging.waiting import set_within
from atoll.resilience import RetryPolicy, full_jitter
from atoll.storage import Database, StorageError
from atoll.storage.outbox_lease import LeasedRow

PAGE: Final = 500
POLL_SECONDS: Final = 3.0
SHARED_POLL_SECONDS: Final = 0.1
"""While other replicas are there, whose commits do not wake this process."""
SWEEP_SECONDS: Final = 60.0
SWEEP_ROWS: Final = 1000
RECALL_ROWS: Final = 5000
KEEP_SECONDS: Final = 3600.0
BACKOFF: Final = RetryPolicy(base=0.05, cap=2.0)

CLAIMED: Final = crash_point("relay.claimed")
READ: Final = crash_point("relay.read")
HELD: Final = crash_point("relay.held")
RIPENED: Final = crash_point("relay.ripened")
RECALLED: Final = crash_point("relay.recalled")

_logger = logging.getLogger(__name__)


class Relay:
    """Publishes the outbox of one database: woken by commits, and looking by itself every few seconds.

    Relays of several replicas share the outbox: each holds some ranges of keys under a lease, prolongs it, claims
    its share of what nobody holds, and gives everything back when it stops. `owner` names the replica's slot, whose
    next life takes back at once what a crash left; without one nobody does before the lease has run out.

    A message goes out only when the broker has stored the one before it with the same key; keys go side by side.
    A scheduled message goes out when it is due and keeps nothing waiting. Confirmations are noted in the database in
    batches, and the rows kept for `keep` seconds after that, to be published again to a broker that lost them; while
    no relay runs they stay longer, but are not published again after 7 days, when an inbox may have forgotten them.
    Raises SettingsError for a longer `keep`.
    While the broker fails the relay waits with backoff and full jitter; a message that the broker refuses holds up
    its own key only, and is tried again every half minute.
    """

    def __init__(
        self,
        db: Database,
        queue: MessageQueue,
        *,
        hooks: Hooks,
        clock: Clock,
        owner: str = "",
        keep: float = KEEP_SECONDS,
        random: Callable[[], float] = chance,
    ) -> None:
        if keep > REPEAT_SECONDS:
            raise SettingsError(
                [
                    f"the relay would publish messages again after {keep:g} s, when inboxes may have forgotten them; "
                    f"keep them for {REPEAT_SECONDS:g} s at most"
                ]
            )
        self._outbox = db.outbox
        self._lease = db.outbox.lease(owner=owner or new_id(), clock=clock)
        self._watch = StoreWatch(queue)
        self._held = HeldLanes()
        self._hooks = hooks
        self._clock = clock
        self._keep = keep
        self._random = random
        self._noting = Noting(self._lease, self._watch, clock, wake=db.outbox.committed.set)
        self._sending = Sending(queue, hooks=hooks, clock=clock, may_send=self._may_send, note=self._noting.add)
        self._look_at = -inf
        self._due_at = inf
        self._sweep_at = clock.monotonic() + SWEEP_SECONDS
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run in a task of its own until `stop`."""
        self._task = asyncio.get_running_loop().create_task(self.run(), name="outbox-relay")

    async def stop(self) -> None:
        """End the task, drain, and let other replicas have what this one held. Idempotent."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])
        await self.drain()
        try:
            await self._lease.leave()
        except StorageError as error:
            _logger.warning("the relay's lease is left to run out: %s", error)

    async def run(self) -> None:
        """Publish until cancelled."""
        failures = 0
        while True:
            self._outbox.committed.clear()
            try:
                if not await self._turn():
                    await self._rest()
            except Exception as error:  # noqa: BLE001 - reported, and tried again
                failures += 1
                self._report(error, failures)
                await self._clock.sleep(full_jitter(BACKOFF, failures, self._random))
            else:
                failures = 0

    async def drain(self) -> None:
        """Publish what is left, until all is out or the broker fails; then it stays for the next start.

        Call it when `run` has ended.
        """
        try:
            while await self._turn():
                pass
        except MessagingError as error:
            _logger.warning("messages stay in the outbox until the next start: %s", error)
        try:
            await self._noting.finish()
        except MessagingError as error:
            _logger.info("what the broker has confirmed last will be published again: %s", error)

    async def _turn(self) -> bool:
        """Publish what is ready, at most a page; tell whether there was anything. Raises when the broker fails."""
        await self._stand()
        rows, waiting = await self._page()
        if rows:
            READ.reached()
            await self._publish(rows)
        self._noting.begin_in_time()
        return bool(rows) or waiting

    async def _stand(self) -> None:
        """See that the lease runs, that the broker's store is the one we know, and that what is due is ready."""
        if self._clock.monotonic() >= self._look_at or not self._lease.runs:
            await self._look()
        elif self._watch.in_doubt:
            await self._compare()
        if self._clock.now() >= min(self._due_at, self._outbox.earliest_due):
            self._outbox.earliest_due = inf
            await self._lease.ripen()
            RIPENED.reached()
            self._due_at = await self._lease.next_due()

    async def _look(self) -> None:
        if claimed := await self._lease.keep():
            CLAIMED.reached()
            self._held.found(sorted(await self._lease.held()), self._clock.monotonic())
            _logger.debug("the relay holds %d ranges, %d of them new", len(self._lease.ranges), len(claimed))
        await self._compare()
        self._due_at = await self._lease.next_due()
        if surplus := self._lease.surplus:
            await self._noting.finish()
            await self._lease.give_back(surplus)
        self._look_at = self._clock.monotonic() + POLL_SECONDS

    async def _compare(self) -> None:
        """Refill the broker when its store is not the one that we know, or went back."""
        if self._watch.in_doubt:  # what it confirmed is not noted yet, so nothing vouches for it
            await self._noting.forget()
        if await self._watch.forgot(self._lease.positions):
            await self._noting.forget()
            await self._refill()

    async def _refill(self) -> None:
        messages = 0
        since = self._clock.now() - REPEAT_SECONDS
        while recalled := await self._lease.recall(RECALL_ROWS, since=since):
            messages += recalled
        RECALLED.reached()
        await self._lease.forget_positions()
        self._watch.settled()
        _logger.warning("the broker has lost what it confirmed; publishing %d messages of the outbox again", messages)
        self._hooks.emit(BrokerForgot(messages=messages))

    async def _page(self) -> tuple[list[LeasedRow], bool]:
        """Return what may go out now, and whether there was anything else that is ready."""
        sent = frozenset(self._noting.sent)  # as it is now: a row may be noted while the rows are being read
        due, limit = self._held.due(self._clock.monotonic()), PAGE + len(sent)
        aside = await self._lease.held_rows(due, limit) if due else []
        again = [row for row in aside if row.seq not in sent]
        ready = [row for row in await self._lease.ready(limit) if row.seq not in sent]
        behind = [row for row in ready if row.lane in self._held]
        if behind:
            await self._lease.hold([row.seq for row in behind])
            HELD.reached()
        if len(aside) < limit:
            self._held.emptied({*due} - {row.lane for row in again} - {row.lane for row in behind})
        return [*again, *(row for row in ready if row.lane not in self._held)][:PAGE], bool(behind)

    async def _publish(self, rows: list[LeasedRow]) -> None:
        sent = await self._sending.send(rows)
        if sent.refused:
            await self._put_aside(rows, sent)
        if sent.failure is not None:
            raise sent.failure

    async def _put_aside(self, rows: list[LeasedRow], sent: Sent) -> None:
        for lane, error in sent.refused.items():
            _logger.error("a message holds up its key %r: %s", lane, error)
            self._held.refused(lane, self._clock.monotonic())
        await self._lease.hold([row.seq for row in rows if row.lane in sent.refused and row.seq not in sent.stored])
        HELD.reached()

    async def _rest(self) -> None:
        """Wait for the next commit, or for the time of something else to do; meanwhile note what was published."""
        committed = self._outbox.committed
        if self._clock.monotonic() >= self._sweep_at:
            await self._sweep()
        shared = self._clock.monotonic() + SHARED_POLL_SECONDS
        while not committed.is_set():
            self._noting.begin_in_time()
            now, until = self._clock.monotonic(), self._until(shared)
            if now >= until:
                return
            await set_within(committed, min(until, self._noting.at) - now, self._clock)

    def _until(self, shared: float) -> float:
        """Return when to look again, be there a commit or not; at `shared` when others may have committed."""
        now, clock_now = self._clock.monotonic(), self._clock.now()
        due_at = now + min(self._due_at, self._outbox.earliest_due) - clock_now
        others = shared if self._lease.members > 1 and self._lease.ranges else inf
        return min(self._look_at, due_at, self._held.next, others)

    async def _sweep(self) -> None:
        before = self._clock.now() - self._keep
        while await self._outbox.sweep(before, limit=SWEEP_ROWS) == SWEEP_ROWS:
            pass
        self._sweep_at = self._clock.monotonic() + SWEEP_SECONDS

    def _may_send(self, key_range: int) -> bool:
        return self._lease.holds(key_range) and not self._watch.in_doubt

    def _report(self, error: Exception, failures: int) -> None:
        if not isinstance(error, MessagingError):
            _logger.exception("the outbox relay failed; trying again")
        elif failures == 1:
            _logger.warning("messages wait in the outbox: %s", error)
