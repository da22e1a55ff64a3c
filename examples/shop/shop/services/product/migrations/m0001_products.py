"""Products."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE products (
            sku TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            description TEXT NOT NULL,
            category TEXT NOT NULL,
            price TEXT NOT NULL,
            weight INTEGER NOT NULL,
            revision INTEGER NOT NULL
        );
        """
    )
