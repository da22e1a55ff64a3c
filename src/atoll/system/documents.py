"""What a system says about itself at its gateway: the OpenAPI document and a page to read it on."""

from __future__ import annotations

from typing import Any

import msgspec

from atoll.contracts.docs import docs_page
from atoll.contracts.openapi import openapi
from atoll.system.declaration import System


def gateway_openapi(system: System) -> dict[str, Any]:
    """Return the OpenAPI document of the public operations of all services."""
    return openapi(system.contracts, title=system.name, version=version_of(system), gateway=True)


def gateway_documents(system: System) -> dict[str, tuple[str, bytes]]:
    """Return what the gateway answers by itself: content type and body by path."""
    document = gateway_openapi(system)
    return {
        "/openapi.json": ("application/json", msgspec.json.encode(document)),
        "/docs": ("text/html; charset=utf-8", docs_page(document).encode()),
    }


def version_of(system: System) -> str:
    """Return the highest version among the services."""
    return max(each.version for each in system.services)
