"""`atoll export`: the API documents of a system that need not run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from atoll.cli.errors import UsageError
from atoll.cli.finding import here_first, pick
from atoll.contracts.asyncapi import asyncapi
from atoll.service.routes import documents_of
from atoll.system.declaration import System
from atoll.system.documents import gateway_openapi, version_of
from atoll.system.target import default_target, load_system

DOCUMENTS = ("openapi", "asyncapi")


def export_document(what: str, service: str, out: Path | None, target: str) -> None:
    """Write the document as JSON to `out`, or to standard output. Raises UsageError for what there is not."""
    if what not in DOCUMENTS:
        raise UsageError(f"{what!r} cannot be exported; there are {', '.join(DOCUMENTS)}")
    here_first()
    system = load_system(target or default_target(Path.cwd()))
    document = document_of(system, what, service)
    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from None


def document_of(system: System, what: str, service: str) -> dict[str, Any]:
    """Return the document of one service; without its name, that of the gateway or of all events."""
    services = system.by_name
    pick(service, list(services), "service")
    if service:
        return documents_of(services[service])[what]
    if what == "openapi":
        return gateway_openapi(system)
    return asyncapi(system.contracts, title=system.name, version=version_of(system))
