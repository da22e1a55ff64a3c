"""One row for each product that can be searched."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE entries (
            sku TEXT PRIMARY KEY,
            name TEXT NOT NULL DEFAULT '',
            description TEXT NOT NULL DEFAULT '',
            category TEXT NOT NULL DEFAULT '',
            price TEXT NOT NULL DEFAULT '{"amount":0,"currency":"USD"}',
            amount BIGINT NOT NULL DEFAULT 0,
            available INTEGER NOT NULL DEFAULT 0,
            words TEXT NOT NULL DEFAULT ''
        );
        CREATE INDEX entries_category ON entries (category, name);
        """
    )
