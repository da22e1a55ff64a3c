"""Renders a snapshot and the running instances into the files that Envoy reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from atoll.discovery.port import Instance
from atoll.gateway.render.bootstrap import bootstrap
from atoll.gateway.render.clusters import assignment, cluster
from atoll.gateway.render.names import BOOTSTRAP_FILE, CDS_FILE, RDS_FILE, ROUTES, STAT_PREFIX, endpoints_file
from atoll.gateway.render.protobuf import Json
from atoll.gateway.render.routes import route_table
from atoll.gateway.snapshot import Snapshot

Endpoints = Mapping[str, Sequence[Instance]]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of configuration. `path` is relative to the directory Envoy runs in.

    `version` is a digest of what is in it, and `stat` the statistic in which Envoy tells the version it applied;
    both are empty for the bootstrap, which is only read at the start.
    """

    path: str
    content: bytes
    version: str = ""
    stat: str = ""


def render(snapshot: Snapshot, endpoints: Endpoints, *, port: int = 0) -> tuple[File, ...]:
    """Return every file, in the order they are to be written: what is referred to comes before what refers."""
    clusters = [cluster(service) for service in snapshot.reached]
    return (
        *render_endpoints(snapshot, endpoints),
        _file(CDS_FILE, "cluster_manager.cds.version_text", clusters),
        _file(RDS_FILE, f"http.{STAT_PREFIX}.rds.{ROUTES}.version_text", [route_table(snapshot)]),
        File(path=BOOTSTRAP_FILE, content=msgspec.json.encode(bootstrap(snapshot, port))),
    )


def render_endpoints(snapshot: Snapshot, endpoints: Endpoints) -> tuple[File, ...]:
    """Return the files of endpoints: of each service the gateway reaches, the instances that Envoy can reach.

    A service that is not in `endpoints` has no instance.
    """
    return tuple(
        _file(
            endpoints_file(service),
            f"cluster.{service}.version_text",
            [assignment(service, endpoints.get(service, ()))],
        )
        for service in snapshot.reached
    )


def _file(path: str, stat: str, resources: list[Json]) -> File:
    version = sha256(msgspec.json.encode(resources)).hexdigest()[:16]
    content = msgspec.json.encode({"version_info": version, "resources": resources})
    return File(path=path, content=content, version=version, stat=stat)
