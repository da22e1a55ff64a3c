"""How late a message may come again, and for how long every inbox therefore knows it: one follows from the other."""

from __future__ import annotations

from typing import Final

REPEAT_SECONDS: Final = 7 * 86400.0
"""What the broker confirmed longer ago no relay publishes again."""

LEAST_INBOX_SECONDS: Final = REPEAT_SECONDS + 86400.0
"""A day more, for clocks that do not go alike and for a repetition that waits at the broker."""
