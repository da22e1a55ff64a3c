"""Carts, and a copy of the prices. Orders are events; the list of them is a projection, which makes its tables."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE products (
            sku TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            price TEXT NOT NULL
        );
        CREATE TABLE carts (
            user_id TEXT PRIMARY KEY,
            step TEXT NOT NULL,
            reason TEXT NOT NULL,
            touched_at DOUBLE PRECISION NOT NULL,
            told INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX carts_idle ON carts (touched_at) WHERE told = 0;
        CREATE TABLE cart_lines (
            user_id TEXT NOT NULL,
            sku TEXT NOT NULL,
            quantity INTEGER NOT NULL,
            PRIMARY KEY (user_id, sku)
        );
        """
    )
