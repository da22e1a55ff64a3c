"""From what the agent knows to what its API shows."""

from __future__ import annotations

from atoll.discovery.agent.records import SERF_HEALTH, Check, Node, Service
from atoll.discovery.agent.shapes import (
    AddressShape,
    AgentServiceShape,
    CatalogShape,
    CheckShape,
    ConfigShape,
    MemberShape,
    NodeShape,
    SelfShape,
    ServiceShape,
    WeightsShape,
)


def node_shape(node: Node) -> NodeShape:
    """Return the node, reachable at its one address from near and far."""
    return NodeShape(
        id=node.id,
        node=node.name,
        address=node.address,
        datacenter=node.datacenter,
        tagged_addresses={"lan": node.address, "wan": node.address},
        meta={},
    )


def service_shape(service: Service) -> ServiceShape:
    """Return a service as `health/service` shows it."""
    known = service.definition
    return ServiceShape(
        id=known.id,
        service=known.name,
        tags=list(known.tags),
        address=known.address,
        tagged_addresses=_tagged(service),
        meta=dict(known.meta),
        port=known.port,
        weights=WeightsShape(passing=known.weights[0], warning=known.weights[1]),
        enable_tag_override=known.enable_tag_override,
        create_index=service.create_index,
        modify_index=service.modify_index,
    )


def agent_service_shape(service: Service, node: Node) -> AgentServiceShape:
    """Return a service as `agent/services` shows it."""
    shape = service_shape(service)
    values = {name: getattr(shape, name) for name in shape.__struct_fields__}
    return AgentServiceShape(**values, datacenter=node.datacenter)


def catalog_shape(service: Service, node: Node) -> CatalogShape:
    """Return a service as `catalog/service` shows it."""
    known, shape = service.definition, node_shape(node)
    return CatalogShape(
        id=shape.id,
        node=shape.node,
        address=shape.address,
        datacenter=shape.datacenter,
        tagged_addresses=shape.tagged_addresses,
        node_meta=shape.meta,
        service_id=known.id,
        service_name=known.name,
        service_tags=list(known.tags),
        service_address=known.address,
        service_tagged_addresses=_tagged(service),
        service_weights=WeightsShape(passing=known.weights[0], warning=known.weights[1]),
        service_meta=dict(known.meta),
        service_port=known.port,
        service_enable_tag_override=known.enable_tag_override,
        create_index=service.create_index,
        modify_index=service.modify_index,
    )


def check_shape(check: Check, service: Service | None, node: Node) -> CheckShape:
    """Return a check with the name and tags of the service it is for, if it is for one."""
    return CheckShape(
        node=node.name,
        check_id=check.definition.id,
        name=check.definition.name,
        status=check.status,
        notes=check.definition.notes,
        output=check.output,
        service_id=check.service_id,
        service_name=service.definition.name if service else "",
        service_tags=list(service.definition.tags) if service else [],
        type="" if check.definition.kind == "mark" else check.definition.kind,
        create_index=check.create_index,
        modify_index=check.modify_index,
    )


def serf_shape(node: Node) -> CheckShape:
    """The check that every Consul node has: the node is there, since it answers."""
    output = "Agent alive and reachable"
    return CheckShape(node=node.name, check_id=SERF_HEALTH, name="Serf Health Status", status="passing", output=output)


def member_shape(node: Node) -> MemberShape:
    """Return the agent as a member of its cluster of one."""
    return MemberShape(
        name=node.name, addr=node.address, port=0, tags={"dc": node.datacenter, "id": node.id, "role": "consul"}
    )


def self_shape(node: Node, version: str) -> SelfShape:
    """Return what the agent tells of itself; `version` is ours, not Consul's."""
    config = ConfigShape(
        datacenter=node.datacenter,
        primary_datacenter=node.datacenter,
        node_name=node.name,
        node_id=node.id,
        server=True,
        revision="atoll",
        version=version,
    )
    return SelfShape(config=config, member=member_shape(node), meta={})


def _tagged(service: Service) -> dict[str, AddressShape]:
    found = service.definition.tagged_addresses
    return {name: AddressShape(address=each.address, port=each.port) for name, each in found.items()}
