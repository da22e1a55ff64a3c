"""What the shop sells on its first day: two hundred products in eight categories, the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from shop.contracts.product import AddProduct
from shop.contracts.values import Money

SCARCE_EVERY: Final = 17
"""Every so many products only a handful are there, so that some run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A product and how many of it are there to begin with."""

    product: AddProduct
    stock: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The products to begin with, each SKU once."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of product: what it is called, its price in minor units and its weight in grams, from and to."""

    noun: str
    text: str
    price: tuple[int, int]
    weight: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Category:
    code: str
    name: str
    makes: tuple[str, ...]
    kinds: tuple[_Kind, ...]


_CATEGORIES: Final = (
    _Category(
        "AUD",
        "Audio",
        ("Halden", "Sonnet", "Tessera", "Low Tide", "Marlow"),
        (
            _Kind("Wireless Headphones", "Over-ear, 32 hours on one charge", (6900, 24900), (220, 310)),
            _Kind("Earbuds", "In-ear, with a case that charges three times", (2900, 14900), (45, 70)),
            _Kind("Bookshelf Speaker", "Two-way, sold as a pair", (11900, 49900), (4200, 7800)),
            _Kind("Turntable", "Belt-driven, with a moving-magnet cartridge", (17900, 44900), (4800, 8200)),
            _Kind("Field Recorder", "Stereo, 96 kHz, runs on two AA cells", (9900, 27900), (180, 320)),
        ),
    ),
    _Category(
        "KIT",
        "Kitchen",
        ("Norrland", "Copperfield", "Ash & Iron", "Pell", "Giardino"),
        (
            _Kind("Chef's Knife 20 cm", "Forged steel, 58 HRC, full tang", (3900, 15900), (190, 280)),
            _Kind("Cast Iron Pan 26 cm", "Seasoned, for every kind of hob", (2900, 9900), (2200, 2900)),
            _Kind("Pour-over Kettle", "Gooseneck, 0.9 litres", (3400, 12900), (650, 1200)),
            _Kind("Coffee Grinder", "Conical burrs, 38 settings", (4900, 19900), (900, 2800)),
            _Kind("Stoneware Bowl Set", "Four bowls, safe in the dishwasher", (2600, 7900), (1800, 2600)),
        ),
    ),
    _Category(
        "OUT",
        "Outdoor",
        ("Fjell", "Stonecrop", "Windrow", "Cairn", "Larch"),
        (
            _Kind("Two-person Tent", "Three seasons, 3000 mm water column", (12900, 46900), (1400, 2900)),
            _Kind("Down Sleeping Bag", "Comfort to -4 °C, 700 cuin", (9900, 34900), (780, 1300)),
            _Kind("Day Pack 24 l", "Rain cover and a place for a bladder", (4900, 13900), (620, 980)),
            _Kind("Head Torch", "400 lumens, charges by USB-C", (2400, 8900), (70, 120)),
            _Kind("Vacuum Flask 1 l", "Keeps hot for 24 hours", (1900, 4900), (450, 620)),
        ),
    ),
    _Category(
        "BOK",
        "Books",
        ("Harbour Press", "Lantern", "Quarto House", "Meridian", "Old Mill"),
        (
            _Kind("Field Guide to Mosses", "Hardcover, 312 pages, 400 plates", (1900, 4900), (680, 1100)),
            _Kind("Bread Book", "Paperback, 240 pages, sixty recipes", (1400, 3400), (420, 760)),
            _Kind("Atlas of Small Islands", "Clothbound, 192 pages", (2200, 5900), (700, 1300)),
            _Kind("Crime Omnibus", "Three novels in one volume", (1200, 2400), (480, 720)),
            _Kind("Letterpress Notebook", "144 dotted pages, sewn", (900, 2200), (180, 320)),
        ),
    ),
    _Category(
        "OFF",
        "Office",
        ("Plumbline", "Verso", "Graphite & Co", "Bureau Nord", "Tally"),
        (
            _Kind("Mechanical Keyboard", "75 %, hot-swappable switches", (6900, 21900), (780, 1350)),
            _Kind("Desk Lamp", "Dimmable, colour rendering 95", (3900, 16900), (900, 1900)),
            _Kind("Fountain Pen", "Steel nib, converter included", (1900, 12900), (18, 42)),
            _Kind("Monitor Arm", "Carries 3 to 9 kg", (5900, 15900), (2400, 3900)),
            _Kind("Felt Desk Mat", "80 × 40 cm, wool", (2400, 6900), (420, 700)),
        ),
    ),
    _Category(
        "TOY",
        "Toys",
        ("Kiteworks", "Bramble", "Otto & Ida", "Timberling", "Puck"),
        (
            _Kind("Marble Run", "92 pieces of beech", (2900, 8900), (1400, 2600)),
            _Kind("Jigsaw Puzzle", "1000 pieces, linen finish", (1500, 2900), (700, 950)),
            _Kind("Delta Kite", "160 cm, flies from 2 Beaufort", (1900, 5900), (240, 420)),
            _Kind("Wooden Train Set", "Fits the common track", (2900, 9900), (1600, 3100)),
            _Kind("Strategy Game", "Two to four players, 45 minutes", (2400, 5900), (900, 1600)),
        ),
    ),
    _Category(
        "GAR",
        "Garden",
        ("Hedgerow", "Loam", "Thornbury", "Verdigris", "Green Lane"),
        (
            _Kind("Pruning Shears", "Forged, blade can be replaced", (1900, 7900), (210, 290)),
            _Kind("Watering Can 7 l", "Galvanised, with a brass rose", (2900, 6900), (1100, 1600)),
            _Kind("Raised Bed Kit", "Larch, 120 × 80 cm", (6900, 15900), (9000, 16000)),
            _Kind("Wildflower Seeds", "24 kinds for 20 m²", (500, 1400), (40, 90)),
            _Kind("Bird Feeder", "Holds 1.2 kg, easy to clean", (1500, 4900), (600, 1400)),
        ),
    ),
    _Category(
        "CLO",
        "Clothing",
        ("Skerry", "Heath & Moor", "Weft", "Northbound", "Saltmarsh"),
        (
            _Kind("Merino Base Layer", "180 g/m², naturally fresh", (4900, 9900), (170, 240)),
            _Kind("Waxed Jacket", "Cotton, can be waxed again", (12900, 32900), (1100, 1700)),
            _Kind("Wool Socks", "Three pairs, cushioned", (1900, 3900), (180, 260)),
            _Kind("Rain Trousers", "Fully taped, 280 g", (5900, 15900), (280, 420)),
            _Kind("Fisherman's Jumper", "Undyed wool, one kilogram of it", (8900, 19900), (850, 1150)),
        ),
    ),
)


def make_catalogue(seed: int = 2) -> Catalogue:
    """Return the catalogue; the same seed gives the same prices, weights and stock."""
    random = Random(seed)
    items: list[Item] = []
    for category in _CATEGORIES:
        pairs = [(kind, make) for kind in category.kinds for make in category.makes]
        for number, (kind, make) in enumerate(pairs, 1):
            scarce = len(items) % SCARCE_EVERY == SCARCE_EVERY - 1
            stock = random.randint(2, 5) if scarce else random.randint(400, 4000)
            items.append(Item(product=_product(category, number, kind, make, random), stock=stock))
    return Catalogue(tuple(items))


def _product(category: _Category, number: int, kind: _Kind, make: str, random: Random) -> AddProduct:
    price = round(random.randint(*kind.price), -2) + random.choice((0, 50, 90, 95, 99))
    return AddProduct(
        sku=f"{category.code}-{number:03d}",
        name=f"{make} {kind.noun}",
        description=f"{kind.text}. By {make}.",
        category=category.name,
        price=Money(price),
        weight=random.randint(*kind.weight),
    )
