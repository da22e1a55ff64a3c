"""When an engine looks around: often enough for its leases, and at once when there is something to do."""

from __future__ import annotations

import asyncio

from atoll.core.clock import Clock


class Lookout:
    """Waits until it is time to look, or until somebody says so with `nudge`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Look at once."""
        self._nudged.set()

    async def wait(self, seconds: float) -> None:
        """Return after `seconds`, or sooner when nudged."""
        sleeping = asyncio.ensure_future(self._clock.sleep(max(0.0, seconds)))
        nudged = asyncio.ensure_future(self._nudged.wait())
        try:
            await asyncio.wait({sleeping, nudged}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            nudged.cancel()
            self._nudged.clear()
