"""Where the time goes: by process in both shops, and by function in one service of Atoll's."""

from __future__ import annotations

from collections import Counter
from typing import Final

from duel import Duel, Side, tell
from profiling import CannotProfile, Profile, profiled
from report import number, show_table

BUSIEST: Final = "busiest"
_ROUNDS: Final = 3
_FUNCTIONS: Final = 20


def by_process(duel: Duel) -> None:
    """Print what each process used for an order."""
    sides = (duel.atoll, duel.peer)
    processes = list(dict.fromkeys(name for side in sides for name in side.names()))
    rows = [(each, *(_milliseconds(side, each) for side in sides)) for each in processes]
    rows.append(("all", *(number(sum(side.mean_cpu(each) for each in side.names())) for side in sides)))
    show_table("Where the time goes: CPU per order, in ms", ("process", *(side.name for side in sides)), rows)


async def by_function(duel: Duel, service: str) -> None:
    """Run more rounds with a sampler at a service of Atoll's, and print its functions.

    Only threads that hold the interpreter are sampled: waiting is left out, and so is what SQLite does meanwhile.
    A process that may not be looked at is told of in one sentence.
    """
    if service == BUSIEST:
        service = max(duel.atoll.names("service"), key=duel.atoll.mean_cpu)
    pid = next(each.pid for each in duel.atoll.customers.contestant.processes if each.name == service)
    tell(f"profiling {service}")
    try:
        async with profiled(pid) as profile:
            for _ in range(_ROUNDS):
                await duel.once_more(duel.atoll)
    except CannotProfile as error:
        tell(str(error))
    else:
        _show(service, profile)


def _show(service: str, profile: Profile) -> None:
    title = f"{service}, {profile.samples} samples"
    for what, counts, most in (
        ("by package", profile.areas, 12),
        ("by function, itself", profile.own, _FUNCTIONS),
        ("by function of Atoll and the shop, with what it calls", _ours(profile.total), _FUNCTIONS),
    ):
        shares = [(name, f"{count / profile.samples:.1%}") for name, count in counts.most_common(most)]
        show_table(f"{title}, {what}", ("", "share"), shares)


def _ours(counts: Counter[str]) -> Counter[str]:
    return Counter(
        {
            name: count
            for name, count in counts.items()
            if name.startswith(("atoll/", "shop/")) and not name.startswith("atoll/system/")
        }
    )


def _milliseconds(side: Side, process: str) -> str:
    return number(side.mean_cpu(process)) if process in side.names() else ""
