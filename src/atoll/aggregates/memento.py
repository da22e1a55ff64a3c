"""Keeps aggregates as snapshots and brings them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

from atoll.aggregates.errors import SnapshotCorrupt
from atoll.aggregates.keys import SubjectKeys
from atoll.aggregates.sealing import joint_key, seal, unseal
from atoll.aggregates.snapshots import Snapshot, SnapshotStore
from atoll.core.errors import DeclarationError

A = TypeVar("A")


class Memento(Generic[A]):
    """An aggregate as it was after `version` events; `subjects` are those whose personal data it holds."""

    __slots__ = ("aggregate", "subjects", "version")

    def __init__(self, aggregate: A, version: int, subjects: frozenset[str]) -> None:
        self.aggregate = aggregate
        self.version = version
        self.subjects = subjects


class Mementos(Generic[A]):
    """The snapshots of one kind of aggregate, by the code of one `schema`.

    `dump` and `load` turn an aggregate into bytes and back; a dataclass or a struct needs neither.
    """

    def __init__(
        self,
        kind: type[A],
        snapshots: SnapshotStore,
        *,
        schema: str,
        keys: SubjectKeys | None = None,
        dump: Callable[[A], bytes] | None = None,
        load: Callable[[bytes], A] | None = None,
    ) -> None:
        self._snapshots = snapshots
        self._schema = schema
        self._keys = keys
        if dump is None or load is None:
            _check(kind)
        self._dump: Callable[[A], bytes] = dump or msgspec.msgpack.encode
        self._load: Callable[[bytes], A] = load or msgspec.msgpack.Decoder(kind).decode

    async def find(self, tenant: str, stream: str) -> Memento[A] | None:
        """Return the newest one that this code made and may still read. Raises SnapshotCorrupt."""
        snapshot = await self._snapshots.find(tenant, stream)
        if snapshot is None or snapshot.schema != self._schema:
            return None
        key = await self._key(snapshot.subjects)
        if snapshot.subjects and key is None:
            return None  # of somebody in it the key was erased: the events tell what is left
        try:
            data = snapshot.data if key is None else unseal(key, snapshot.data, _about(snapshot))
            return Memento(self._load(data), snapshot.version, frozenset(snapshot.subjects))
        except (ValueError, msgspec.MsgspecError) as error:
            raise SnapshotCorrupt(stream, str(error)) from error

    async def keep(self, tenant: str, stream: str, memento: Memento[A]) -> None:
        """Keep an aggregate, unless a newer one is kept or somebody in it was erased."""
        subjects = tuple(sorted(memento.subjects))
        snapshot = Snapshot(
            tenant=tenant,
            stream=stream,
            schema=self._schema,
            version=memento.version,
            subjects=subjects,
            data=self._dump(memento.aggregate),
        )
        if subjects:
            if (key := await self._key(subjects)) is None:
                return
            snapshot = msgspec.structs.replace(snapshot, data=seal(key, snapshot.data, _about(snapshot)))
        await self._snapshots.keep(snapshot)

    async def forget(self, tenant: str, stream: str) -> None:
        """Remove what is kept of a stream. Idempotent."""
        await self._snapshots.remove(tenant, stream)

    async def _key(self, subjects: Iterable[str]) -> bytes | None:
        names = sorted(subjects)
        if not names or self._keys is None:
            return None
        keys = await self._keys.find(names)
        return joint_key(keys[each] for each in names) if len(keys) == len(names) else None


def _about(snapshot: Snapshot) -> str:
    return f"{snapshot.tenant} {snapshot.stream} {snapshot.schema} {snapshot.version}"


def _check(kind: type[Any]) -> None:
    if isinstance(inspect.type_info(kind), inspect.CustomType):
        raise DeclarationError(
            f"{kind.__qualname__} cannot be kept as a snapshot; make it a dataclass or a struct, "
            "or give the repository `dump=` and `load=`"
        )
