"""Every module can be imported by itself, and so is in the measure of what the tests run, were it by no other test."""

from __future__ import annotations

import subprocess
import sys

import pytest

EVERY = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    if not each.name.endswith(".__main__"):
        importlib.import_module(each.name)
        print(each.name)
"""


@pytest.mark.parametrize("package", ["atoll", "shop"])
def test_every_module_can_be_imported(package: str) -> None:
    command = [sys.executable, "-W", "error", "-c", EVERY, package]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    assert f"{package}.system" in finished.stdout.split()
