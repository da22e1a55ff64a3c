"""The errors of the gateway.

GatewayError            the gateway's configuration or process could not do what was asked
├── RouteClash          two things want the same route
├── UnknownReference    a route or policy names something that is not there
├── PortTaken           another program listens on the port
└── EnvoyFailed         Envoy did not start, ended, or refused a change; holds the last lines of its log
"""

from __future__ import annotations

from collections.abc import Sequence

from atoll.core.errors import AtollError


class GatewayError(AtollError):
    """Base of the package."""

    code = "gateway"


class RouteClash(GatewayError):
    """`first` and `second` (operations, or what else the gateway serves) both have `route`."""

    code = "route_clash"

    def __init__(self, route: str, first: str, second: str) -> None:
        self.route = route
        self.first = first
        self.second = second
        super().__init__(f"{first} and {second} both have the route {route}; change the path of one of them")


class UnknownReference(GatewayError):
    """Something refers to a service, policy or address that is not there; the message says which and what to do."""

    code = "unknown_reference"


class PortTaken(GatewayError):
    """Another program listens on `port`."""

    code = "port_taken"

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(f"port {port} is taken; free it or give Gateway(port=...)")


class EnvoyFailed(GatewayError):
    """Envoy could not do `what`; `lines` are the last things it said."""

    code = "envoy_failed"
    retryable = True

    def __init__(self, what: str, lines: Sequence[str] = ()) -> None:
        self.what = what
        self.lines = tuple(lines)
        said = "; its log says: " + " | ".join(lines) if lines else ""
        super().__init__(f"{what}{said}")
