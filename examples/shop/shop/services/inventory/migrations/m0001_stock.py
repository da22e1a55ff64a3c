"""Stock and reservations."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE stock (
            sku TEXT PRIMARY KEY,
            initial INTEGER NOT NULL,
            restocked INTEGER NOT NULL,
            on_hand INTEGER NOT NULL CHECK (on_hand >= 0),
            reserved INTEGER NOT NULL CHECK (reserved >= 0),
            shipped INTEGER NOT NULL CHECK (shipped >= 0),
            CHECK (initial + restocked = on_hand + reserved + shipped)
        );
        CREATE TABLE reservations (
            id TEXT PRIMARY KEY,
            order_id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL,
            lines TEXT NOT NULL
        );
        """
    )
