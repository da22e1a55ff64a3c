"""What handlers saw, for tests of either broker."""

from __future__ import annotations

import pytest

from atoll.messaging import UndecodableMessage
from atoll.testing.queue_suite import Collector


async def undecodable(collector: Collector) -> UndecodableMessage:
    """Wait for a message that cannot be read; return why."""
    with pytest.raises(UndecodableMessage) as caught:
        await collector.wait_for(1)
    return caught.value
