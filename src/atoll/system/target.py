"""MODULE:SYSTEM: how a system is named on a command line and found again in another process."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tomllib
import traceback
from pathlib import Path
from types import ModuleType
from typing import Final

import msgspec

from atoll.core.errors import DeclarationError
from atoll.system.declaration import System
from atoll.system.errors import UnknownSystem

_TARGET: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class _Atoll(msgspec.Struct):
    system: str


class _Tool(msgspec.Struct):
    atoll: _Atoll


class _Pyproject(msgspec.Struct):
    tool: _Tool


def load_system(target: str) -> System:
    """Import and return the system that `target` (`"shop.system:shop"`) names.

    Raises UnknownSystem with one sentence: no such module, a module that does not import (its error and where it
    stands), no such name, or something that is not a System.
    """
    if not _TARGET.fullmatch(target):
        raise UnknownSystem(f"{target!r} does not name a system; write MODULE:SYSTEM, for example shop.system:shop")
    name, _, attribute = target.partition(":")
    module = _import(name)
    found = getattr(module, attribute, None)
    if isinstance(found, System):
        return found
    if hasattr(module, attribute):
        raise UnknownSystem(f"{target} is not a System; {_offer(module)}")
    raise UnknownSystem(f"the module {name} has no {attribute!r}; {_offer(module)}")


def default_target(directory: Path) -> str:
    """Return `system` from `[tool.atoll]` in the pyproject.toml of `directory`. Raises UnknownSystem without one."""
    remedy = 'name MODULE:SYSTEM, or write [tool.atoll] system = "shop.system:shop" in pyproject.toml'
    path = directory / "pyproject.toml"
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Pyproject).tool.atoll.system
    except FileNotFoundError:
        raise UnknownSystem(f"there is no pyproject.toml here to say which system is meant; {remedy}") from None
    except msgspec.ValidationError:
        raise UnknownSystem(f"pyproject.toml does not say which system is meant; {remedy}") from None
    except (OSError, ValueError) as error:
        raise UnknownSystem(f"pyproject.toml cannot be read ({error}); mend it, or name MODULE:SYSTEM") from None


def target_of(system: System) -> str:
    """Return the MODULE:SYSTEM under which an imported `system` can be imported by another process."""
    for name, module in sorted(sys.modules.items()):
        if name not in {"__main__", "__mp_main__"}:
            for attribute, value in list(vars(module).items()):
                if value is system:
                    return f"{name}:{attribute}"
    raise UnknownSystem(
        f"system {system.name!r} is in no module that another process could import; put it in one, at the top level"
    )


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            here = os.path.relpath(Path.cwd())
            raise UnknownSystem(f"there is no module {error.name} in {here!r} or on Python's path") from None
        raise UnknownSystem(_failure(name, error)) from None
    except DeclarationError as error:
        raise UnknownSystem(str(error)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a module does when it is imported
        raise UnknownSystem(_failure(name, error)) from None


def _failure(name: str, error: BaseException) -> str:
    return f"{name} cannot be imported: {type(error).__name__}: {_one_line(error)} ({_place(error)})"


def _one_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return text.strip().partition("\n")[0]


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}, line {error.lineno}"
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<frozen")]
    return f"{_short(frames[-1].filename)}, line {frames[-1].lineno}" if frames else "before its first line"


def _short(filename: str) -> str:
    relative = os.path.relpath(filename)
    return filename if relative.startswith("..") else relative


def _offer(module: ModuleType) -> str:
    names = sorted(name for name, value in vars(module).items() if isinstance(value, System))
    if not names:
        return f"{module.__name__} declares no system"
    return f"{module.__name__} declares {', '.join(names)}"
