"""PostgreSQL's words."""

from __future__ import annotations

from typing import Final

from atoll.storage.dialect import Dialect

DIALECT: Final = Dialect(
    name="postgresql",
    fills={
        "serial": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "keyed": "",
        # Room in each page keeps an update out of the indexes, whose pages concurrent transactions may have read.
        "updated": "WITH (fillfactor = 50)",
    },
    members="SELECT CAST(value AS {kind}) FROM json_array_elements_text(CAST({place} AS json))",
    has_table="SELECT to_regclass($1) IS NOT NULL",
)
