"""SQLite: write-ahead log, every commit on the disk before it is answered."""

from atoll.storage.sqlite.engine import SqliteEngine

__all__ = ["SqliteEngine"]
