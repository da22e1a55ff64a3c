"""`atoll call`: one typed call of a running service, past the gateway."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from atoll.cli.arguments import arguments_for
from atoll.cli.errors import CallFailed, UsageError
from atoll.cli.finding import here_first, running_system
from atoll.clients import client, close_client
from atoll.contracts import ContractSpec, Operation, Problem
from atoll.core.context import Principal, new_context, use
from atoll.discovery import Instance, open_registry
from atoll.system.errors import NotRunning
from atoll.system.target import load_system


def call_operation(root: Path, which: str, operation: str, values: Sequence[str], *, body: str, token: str) -> None:
    """Call and print the reply as JSON. Raises UsageError for a wrong call, CallFailed for a problem in the answer."""
    state = running_system(root, which).read()
    here_first()
    spec, chosen = find_operation(load_system(state.target).contracts, operation)
    arguments = arguments_for(chosen, values, body)
    result = asyncio.run(_call(state.registry_url, spec, chosen, arguments, token))
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n")


def find_operation(contracts: Sequence[ContractSpec], wanted: str) -> tuple[ContractSpec, Operation]:
    """Return the contract and the operation that `contract.operation` names. Raises UsageError with what there is."""
    contract, dot, name = wanted.partition(".")
    if not dot:
        raise UsageError(f"{wanted!r} is no operation; write CONTRACT.OPERATION, for example inventory.stock")
    specs = {each.name: each for each in contracts}
    if contract not in specs:
        raise UsageError(f"there is no contract {contract!r}; there are {', '.join(sorted(specs))}")
    operations = {each.name: each for each in specs[contract].operations}
    if name not in operations:
        raise UsageError(f"{contract} has no operation {name!r}; it has {', '.join(operations) or 'none'}")
    return specs[contract], operations[name]


async def _call(
    registry_url: str, spec: ContractSpec, operation: Operation, arguments: dict[str, Any], token: str
) -> Any:
    instance = await _instance(registry_url, spec.name)
    proxy = client(spec.protocol, url=f"http://{instance.address}")
    principal = Principal(subject="", token=token) if token else None
    try:
        with use(msgspec.structs.replace(new_context(timeout=operation.timeout), principal=principal)):
            return await getattr(proxy, operation.name)(**arguments)
    except Problem as problem:
        raise CallFailed(sentence_of(operation, problem)) from None
    finally:
        await close_client(proxy)


async def _instance(registry_url: str, service: str) -> Instance:
    registry = open_registry(registry_url)
    try:
        found = await registry.discover(service)
    finally:
        await registry.close()
    if not found:
        raise NotRunning(f"no instance of {service} is ready; see: atoll ps, atoll logs {service}")
    return found[0]


def sentence_of(operation: Operation, problem: Problem) -> str:
    """Return a problem as one sentence, with its fields."""
    fields = {name: getattr(problem, name) for name in problem.struct().__struct_fields__}
    details = ", ".join(f"{name}={msgspec.json.encode(value).decode()}" for name, value in fields.items())
    sentence = f"{operation.id}: {problem.title} ({problem.status}): {problem.detail}"
    return f"{sentence} [{details}]" if details else sentence
