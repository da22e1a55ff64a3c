"""What a service is told by its environment."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path(os.environ.get("HANDMADE_DATA", "."))
NATS_URL = os.environ.get("HANDMADE_NATS", "nats://127.0.0.1:4222")
ISSUER = os.environ.get("HANDMADE_ISSUER", "")
AUDIENCE = os.environ.get("HANDMADE_AUDIENCE", "")


def url_of(name: str) -> str:
    """Return the address of another service or program."""
    return os.environ[f"{name.upper()}_URL"]
