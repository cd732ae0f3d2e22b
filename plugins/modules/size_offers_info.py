#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Find sizes that AWS does not offer for an existing server, database or cache."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: size_offers_info
short_description: Find sizes that AWS does not offer for an existing server, database or cache
description:
  - Asks AWS whether an existing resource can have another size where it is, before it is stopped for that. Changes nothing.
  - An offer is no promise. AWS may have no capacity at the time of the change.
options:
  server:
    description: A server's new type.
    type: dict
    suboptions:
      type:
        description: The type, such as V(t3.large).
        type: str
        required: true
      zone:
        description: The server's Availability Zone.
        type: str
        required: true
      architecture:
        description: The architecture of the server's image, which its type must have.
        type: str
        required: true
  database:
    description: A database's new class.
    type: dict
    suboptions:
      class:
        description: The class, such as V(db.t3.medium).
        type: str
        required: true
      engine:
        description: The engine.
        type: str
        default: postgres
      version:
        description: The engine's version.
        type: str
        required: true
      storage_type:
        description: The storage's type.
        type: str
        default: gp3
      zone:
        description: The database's Availability Zone. Empty for any.
        type: str
        default: ""
  cache:
    description: A replication group's new node type.
    type: dict
    suboptions:
      node_type:
        description: The node type, such as V(cache.t3.small).
        type: str
        required: true
      replication_group_id:
        description: The replication group.
        type: str
        required: true
attributes:
  check_mode:
    description: Reads only, also in check mode.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Find a type that AWS does not offer
  table_order.infra.size_offers_info:
    server: {type: t3.large, zone: ap-northeast-2a, architecture: x86_64}
  register: offers
  failed_when: offers.problems | length > 0
"""

RETURN = r"""
problems:
  description: A sentence for each size that AWS does not offer, with the sizes that it offers.
  returned: always
  type: list
  elements: str
  sample: []
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "server": {
        "type": "dict",
        "options": {
            "type": {"type": "str", "required": True},
            "zone": {"type": "str", "required": True},
            "architecture": {"type": "str", "required": True},
        },
    },
    "database": {
        "type": "dict",
        "options": {
            "class": {"type": "str", "required": True},
            "engine": {"type": "str", "default": "postgres"},
            "version": {"type": "str", "required": True},
            "storage_type": {"type": "str", "default": "gp3"},
            "zone": {"type": "str", "default": ""},
        },
    },
    "cache": {
        "type": "dict",
        "options": {
            "node_type": {"type": "str", "required": True},
            "replication_group_id": {"type": "str", "required": True},
        },
    },
}


def pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Yield the elements ``key`` of all pages of an operation."""
    for page in client.get_paginator(operation).paginate(**request):
        yield from page[key]


MOST_SHOWN = 20


def family(names: Iterable[str], wanted: str) -> str:
    """Return those of ``names`` that are nearest to ``wanted``, for a sentence: its family, or the same letters."""
    known = sorted(set(names))
    letters = re.match(r"(cache\.|db\.)?[a-z]*", wanted)
    kinds = (wanted.rpartition(".")[0] + ".", letters[0] if letters else "", "")
    near = next(
        found for kind in kinds if (found := [name for name in known if name.startswith(kind)]) or not kind
    )
    more = ", ..." if len(near) > MOST_SHOWN else ""
    return (", ".join(near[:MOST_SHOWN]) or "none") + more


def server_problems(client: Any, wanted: dict[str, str]) -> Iterator[str]:  # noqa: ANN401
    """Yield why a server cannot have the type."""
    name, zone, architecture = wanted["type"], wanted["zone"], wanted["architecture"]
    filters = [{"Name": "location", "Values": [zone]}]
    offers = pages(
        client,
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=filters,
    )
    types = {one["InstanceType"] for one in offers}
    if name not in types:
        yield f"EC2 does not offer the type {name} in {zone}. Offered: {family(types, name)}."
        return
    [found] = client.describe_instance_types(InstanceTypes=[name], aws_retry=True)["InstanceTypes"]
    supported = found["ProcessorInfo"]["SupportedArchitectures"]
    if architecture not in supported:
        yield (
            f"The type {name} is {' and '.join(supported)}, and the server's image is {architecture}. Accepted: a type of the "
            "image's architecture."
        )


def database_problems(client: Any, wanted: dict[str, str]) -> Iterator[str]:  # noqa: ANN401
    """Yield why a database cannot have the class."""
    name, zone = wanted["class"], wanted["zone"]
    offers = pages(
        client,
        "describe_orderable_db_instance_options",
        "OrderableDBInstanceOptions",
        Engine=wanted["engine"],
        EngineVersion=wanted["version"],
        DBInstanceClass=name,
        Vpc=True,
    )
    fitting = [one for one in offers if one["StorageType"] == wanted["storage_type"]]
    zones = sorted({place["Name"] for one in fitting for place in one["AvailabilityZones"]})
    what = f"RDS does not offer the class {name} for {wanted['engine']} {wanted['version']} with {wanted['storage_type']} storage"
    if not fitting:
        yield f"{what} in this region. The classes: https://aws.amazon.com/rds/instance-types/"
    elif zone and zone not in zones:
        yield f"{what} in {zone}, only in {', '.join(zones)}."


def cache_problems(client: Any, wanted: dict[str, str]) -> Iterator[str]:  # noqa: ANN401
    """Yield why a replication group cannot have the node type."""
    name, group = wanted["node_type"], wanted["replication_group_id"]
    found = client.list_allowed_node_type_modifications(ReplicationGroupId=group, aws_retry=True)
    allowed = [*found.get("ScaleUpModifications", []), *found.get("ScaleDownModifications", [])]
    if name not in allowed:
        yield f"ElastiCache does not offer the node type {name} for {group}. Offered: {family(allowed, name)}."


ASKED = {
    "server": ("ec2", server_problems),
    "database": ("rds", database_problems),
    "cache": ("elasticache", cache_problems),
}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    problems: list[str] = []
    for part, (service, ask) in ASKED.items():
        if module.params[part]:
            try:
                client = module.client(service, retry_decorator=AWSRetry.jittered_backoff(retries=8))
                problems += ask(client, module.params[part])
            except (BotoCoreError, ClientError) as error:
                module.fail_json_aws(error, msg=f"AWS cannot be asked for the sizes of the {part}")
    module.exit_json(changed=False, problems=problems)


if __name__ == "__main__":
    main()
