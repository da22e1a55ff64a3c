"""Torture: a running system under load is killed, stopped, cut off and repeated at, then held to its promises."""

from atoll.torture.errors import LoadFailed, NothingToHold, TortureError, WrongTorture
from atoll.torture.page import page_of
from atoll.torture.report import Report
from atoll.torture.run import Options, torture
from atoll.torture.schedule import KINDS, Fault, Ground, Kind, schedule
from atoll.torture.text import json_of, lines_of

__all__ = [
    "KINDS",
    "Fault",
    "Ground",
    "Kind",
    "LoadFailed",
    "NothingToHold",
    "Options",
    "Report",
    "TortureError",
    "WrongTorture",
    "json_of",
    "lines_of",
    "page_of",
    "schedule",
    "torture",
]
