"""The toolkit's tables of `storage`.

Made from the constant itself as long as it is the first revision. Before the tables change after a release, their text
of then takes its place here, and a second revision makes the difference.
"""

from atoll.migrations import script
from atoll.storage.tables import TABLES

revision = "storage_0001"
down_revision = None


def upgrade() -> None:
    script(TABLES)
