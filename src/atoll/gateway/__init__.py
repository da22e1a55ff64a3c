"""The gateway: public operations and policy compiled to Envoy, and Envoy run as a child process."""

from atoll.gateway.compiler import check, compile_routes
from atoll.gateway.errors import EnvoyFailed, GatewayError, PortTaken, RouteClash, UnknownReference
from atoll.gateway.policy import READY_PATH, Cors, Gateway, Jwt
from atoll.gateway.process import EnvoyProcess
from atoll.gateway.render import Endpoints, render
from atoll.gateway.snapshot import Route, Snapshot

__all__ = [
    "READY_PATH",
    "Cors",
    "Endpoints",
    "EnvoyFailed",
    "EnvoyProcess",
    "Gateway",
    "GatewayError",
    "Jwt",
    "PortTaken",
    "Route",
    "RouteClash",
    "Snapshot",
    "UnknownReference",
    "check",
    "compile_routes",
    "render",
]
