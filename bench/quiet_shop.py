"""The shop with a card network and a mail server that never fail and are never slow, for measuring it."""

from __future__ import annotations

from atoll.system import Program, System
from shop.system import shop as real

shop = System(
    real.name,
    services=real.services,
    gateway=real.gateway,
    providers=real.providers,
    programs=[Program(each.name, module=each.module, scheme=each.scheme) for each in real.programs],
    invariants=real.invariants,
)
