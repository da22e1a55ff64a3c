"""The class of a contract's clients: its own methods, each sending its operation through a channel."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast, get_type_hints

from atoll.clients.channel import Channel
from atoll.clients.codec import Codec
from atoll.contracts import Operation, spec_of

C = TypeVar("C")

CHANNEL = "__atoll_channel__"


def proxy(contract: Callable[..., C], channel: Channel) -> C:
    """Return an object with the methods of `contract`, which calls through `channel`."""
    return cast("C", proxy_class(contract)(channel))


def channel_of(client: object) -> Channel:
    """Return the channel a client calls through. Raises TypeError when `client` is none."""
    channel = getattr(client, CHANNEL, None)
    if not isinstance(channel, Channel):
        raise TypeError(f"{type(client).__name__} is not a client made by atoll.clients")
    return channel


def operation_of(method: object) -> Operation | None:
    """Return the operation a client's method calls; None for anything else, a service's own method for example."""
    operation = getattr(method, "operation", None)
    return operation if isinstance(operation, Operation) else None


@functools.cache
def proxy_class(contract: Callable[..., Any]) -> type[Any]:
    """Return the class of the clients of `contract`, compiled once. Raises DeclarationError when it is none."""
    spec = spec_of(contract)

    def initialise(self: Any, channel: Channel) -> None:
        setattr(self, CHANNEL, channel)

    def describe(self: Any) -> str:
        return f"<client of {spec.name}>"

    members: dict[str, Any] = {
        each.name: _method(Codec(each), getattr(spec.protocol, each.name)) for each in spec.operations
    }
    members |= {"__init__": initialise, "__repr__": describe, "__module__": __name__, "__doc__": spec.doc}
    return type(f"{spec.protocol.__name__}Client", (spec.protocol,), members)


def _method(codec: Codec, declared: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(declared)
    keyword_only = any(each.kind is each.KEYWORD_ONLY for each in signature.parameters.values())
    complete = -1 if keyword_only else len(codec.parameters)

    @functools.wraps(declared)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != complete:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            args = tuple(bound.arguments.values())[1:]
        return await getattr(self, CHANNEL).call(codec, args)

    call.__annotations__ = get_type_hints(declared, include_extras=True)
    call.operation = codec.operation  # type: ignore[attr-defined]
    return call
