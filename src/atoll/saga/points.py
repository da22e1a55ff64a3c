"""The moments of a saga at which a test may end the process."""

from __future__ import annotations

from typing import Final

from atoll.core.crashing import crash_point

STARTED: Final = crash_point("saga.started")
"""The saga is committed, and nobody works on it yet."""
TURNED: Final = crash_point("saga.turned")
"""It is committed that the saga compensates."""
RESTED: Final = crash_point("saga.rested")
"""It is committed that the saga waits, and nobody holds it."""
ENDED: Final = crash_point("saga.ended")
DECIDED: Final = crash_point("saga.decided")
"""An operator's decision is committed, and not acted on yet."""

CALLING: Final = crash_point("saga_step.calling")
CALLED: Final = crash_point("saga_step.called")
"""The call has returned, and is not in the journal."""
JOURNALED: Final = crash_point("saga_step.journaled")

UNDOING: Final = crash_point("saga_undo.calling")
UNDONE: Final = crash_point("saga_undo.called")
UNDO_JOURNALED: Final = crash_point("saga_undo.journaled")

CLAIMED: Final = crash_point("saga_lease.claimed")
RENEWED: Final = crash_point("saga_lease.renewed")

HEARD: Final = crash_point("saga_event.heard")
"""An event is kept for the sagas that wait for it, and not committed."""
