"""The moments of a projection at which a test may end the process."""

from __future__ import annotations

from typing import Final

from atoll.core.crashing import crash_point

CLAIMED: Final = crash_point("projection_lease.claimed")
HANDLED: Final = crash_point("projection.handled")
"""A batch is in the view, and not committed."""
COMMITTED: Final = crash_point("projection.committed")
"""View and checkpoint are committed, and nobody was told."""
PARKED: Final = crash_point("projection.parked")
"""An event is parked, and the checkpoint is past it."""
REPLAYED: Final = crash_point("projection.replayed")
"""A parked event is in the view and removed, and not committed."""
BEGUN: Final = crash_point("rebuild.begun")
"""The tables of a new generation are made."""
CLOSED: Final = crash_point("rebuild.closed")
"""Nobody writes the live view any more, and the new one is not live yet."""
SWITCHING: Final = crash_point("rebuild.switching")
"""The new generation is live, and that is not committed."""
SWITCHED: Final = crash_point("rebuild.switched")
"""The new generation is live, and the old one is still there."""
DROPPED: Final = crash_point("rebuild.dropped")
