"""What every package stands on: errors, time, ids, context, hooks, settings."""

from atoll.core.clock import Clock, SystemClock
from atoll.core.context import Context, Principal, Trace
from atoll.core.errors import AtollError, DeadlineExceeded, DeclarationError, SettingsError
from atoll.core.hooks import Hooks
from atoll.core.ids import derived_id, new_id
from atoll.core.settings import Settings

__all__ = [
    "AtollError",
    "Clock",
    "Context",
    "DeadlineExceeded",
    "DeclarationError",
    "Hooks",
    "Principal",
    "Settings",
    "SettingsError",
    "SystemClock",
    "Trace",
    "derived_id",
    "new_id",
]
