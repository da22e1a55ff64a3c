"""Carts, orders, and a copy of the prices."""

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
        CREATE TABLE orders (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            status TEXT NOT NULL,
            lines TEXT NOT NULL,
            total TEXT NOT NULL,
            placed_at DOUBLE PRECISION NOT NULL,
            reason TEXT NOT NULL,
            payment_id TEXT NOT NULL,
            tracking TEXT NOT NULL
        );
        CREATE INDEX orders_user ON orders (user_id, id);
        """
    )
