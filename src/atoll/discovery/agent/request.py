"""What was asked: a request's method, path, parameters and body, read as Consul reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from atoll.discovery.durations import parse_duration
from atoll.discovery.errors import RegistryRefused

DEFAULT_WAIT: Final = 300.0
MAX_WAIT: Final = 600.0

_TRUE: Final = frozenset(("", "1", "t", "T", "TRUE", "true", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "FALSE", "false", "False"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One request to the agent; `argument` is what follows the route's path, such as a service's name."""

    argument: str = ""
    parameters: Mapping[str, Sequence[str]]
    body: bytes = b""

    def first(self, name: str) -> str:
        """Return the first value of a parameter; empty when it is not there."""
        return next(iter(self.parameters.get(name, ())), "")

    def flag(self, name: str) -> bool:
        """Tell whether a parameter is set: alone, or with a value that Go takes for true."""
        if name not in self.parameters:
            return False
        value = self.first(name)
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise RegistryRefused(400, f"Invalid value for ?{name}")


def read_parameters(query_string: bytes) -> dict[str, list[str]]:
    """Return the parameters of a query string. Raises RegistryRefused when it cannot be read."""
    try:
        return parse_qs(query_string.decode("ascii"), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise RegistryRefused(400, f"Invalid query string: {error}") from error


def check_options(query: Query, datacenter: str) -> None:
    """Refuse what no read here can honour, rather than answer something else than was asked."""
    if "stale" in query.parameters and "consistent" in query.parameters:
        raise RegistryRefused(400, "Cannot specify ?stale with ?consistent, conflicting semantics.")
    if query.first("filter"):
        raise RegistryRefused(400, "Filters are not supported by this agent; leave ?filter out.")
    if query.first("dc") not in ("", datacenter):
        raise RegistryRefused(400, f"No path to datacenter; this agent has only {datacenter!r}.")


def read_blocking(query: Query) -> tuple[int, float]:
    """Return the index to wait for a change of (0: do not wait) and the longest time to do so, in seconds."""
    text = query.first("index") or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise RegistryRefused(400, "Invalid index")
    try:
        wait = parse_duration(query.first("wait") or "0")
    except ValueError as error:
        raise RegistryRefused(400, "Invalid wait time") from error
    return int(text), min(wait or DEFAULT_WAIT, MAX_WAIT)
