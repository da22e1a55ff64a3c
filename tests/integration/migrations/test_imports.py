"""A service starts without Alembic and SQLAlchemy, which would cost it 0.3 s and 30 MiB."""

from __future__ import annotations

import subprocess
import sys


def test_a_service_process_imports_neither_alembic_nor_sqlalchemy() -> None:
    code = (
        "import sys, atoll.service, atoll.system.child, atoll.migrations; "
        "sys.exit(str(found) if (found := {'alembic', 'sqlalchemy'} & sys.modules.keys()) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
