#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Look at what the maintenance of the service's AWS account needs, beside its status."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: account_maintenance_info
short_description: Look at what the maintenance of the service's AWS account needs
description:
  - Reads when the service's secrets and the caller's own access keys were changed, the addresses, disks, images and interfaces with
    the service's tags, and when each procedure last ended.
  - Reads only, and no secret. A read that fails leaves the others alone, and says why it failed.
options:
  name:
    description: The service's name.
    type: str
    required: true
  tags:
    description: The tags of all of the service's resources.
    type: dict
    required: true
attributes:
  check_mode:
    description: Reads only, also in check mode.
    support: full
notes:
  - Needs C(ec2:DescribeAddresses), C(ec2:DescribeImages), C(ec2:DescribeNetworkInterfaces), C(ec2:DescribeSnapshots),
    C(ec2:DescribeVolumes), C(iam:ListAccessKeys) for a user, C(secretsmanager:ListSecrets), C(ssm:GetParametersByPath) and
    C(sts:GetCallerIdentity).
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Look at the account
  table_order.infra.account_maintenance_info:
    name: table-order
    tags: {Project: table-order, Environment: production}
  register: account
"""

RETURN = r"""
looks:
  description:
    - "Each read by its name: C(addresses), C(volumes), C(interfaces), C(snapshots), C(images), C(secrets), C(done), C(caller) and
      C(keys)."
    - A read has C(found), or C(error), a sentence that says why nothing is known. Times are in ISO 8601, UTC.
    - C(keys) is empty for a caller that is no user, such as a role, whose credentials expire by themselves.
  returned: always
  type: dict
  sample:
    volumes: {found: [{id: vol-0123456789abcdef0, gib: 20, kind: gp3, state: available}]}
    keys: {error: "AWS denied iam:ListAccessKeys."}
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.table_order.infra.plugins.module_utils.account_forms import Call
from ansible_collections.table_order.infra.plugins.module_utils.account_reader import (
    WORKERS,
    Client,
    Session,
    look,
)

try:
    from botocore.exceptions import BotoCoreError
except ImportError:
    pass  # AnsibleAWSModule reports it


def calls(name: str, tags: Mapping[str, Any]) -> dict[str, Call]:
    """Return the reads by name."""
    tagged = {"Filters": [{"Name": f"tag:{key}", "Values": [str(value)]} for key, value in tags.items()]}
    return {
        "caller": Call("sts", "get_caller_identity", "Arn"),
        "addresses": Call(
            "ec2",
            "describe_addresses",
            "Addresses[].{id: AllocationId, address: PublicIp, used: AssociationId}",
            tagged,
        ),
        "volumes": Call(
            "ec2",
            "describe_volumes",
            "Volumes[].{id: VolumeId, gib: Size, kind: VolumeType, state: State}",
            tagged,
        ),
        "interfaces": Call(
            "ec2",
            "describe_network_interfaces",
            "NetworkInterfaces[].{id: NetworkInterfaceId, state: Status}",
            tagged,
        ),
        "snapshots": Call(
            "ec2",
            "describe_snapshots",
            "Snapshots[].{id: SnapshotId, gib: VolumeSize, made: StartTime}",
            {"OwnerIds": ["self"], **tagged},
        ),
        "images": Call(
            "ec2",
            "describe_images",
            "Images[].{id: ImageId, name: Name, made: CreationDate, snapshots: BlockDeviceMappings[].Ebs.SnapshotId}",
            {"Owners": ["self"], **tagged},
        ),
        "secrets": Call(
            "secretsmanager",
            "list_secrets",
            "SecretList[].{name: Name, changed: LastChangedDate || CreatedDate}",
            {"Filters": [{"Key": "name", "Values": [f"{name}/"]}]},
        ),
        "done": Call(
            "ssm",
            "get_parameters_by_path",
            "Parameters[].{name: Name, content: Value, modified: LastModifiedDate}",
            {"Path": f"/{name}/done"},
        ),
    }


def keys_of(arn: str) -> Call:
    """Return the read of a user's access keys, without which an endless key would be looked for in vain."""
    return Call(
        "iam",
        "list_access_keys",
        "AccessKeyMetadata[].{id: AccessKeyId, made: CreateDate, state: Status}",
        {"UserName": arn.rpartition("/")[2]},
        ("NoSuchEntity",),
    )


def looks(connect: Callable[[str], Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of each read by its name; ``connect`` makes a boto3 client for a service."""
    with ThreadPoolExecutor(WORKERS) as pool:
        client = Client(connect, pool)
        futures = {
            name: pool.submit(look, client, call)
            for name, call in calls(options["name"], options["tags"]).items()
        }
        found = {name: future.result() for name, future in futures.items()}
        caller = found["caller"]
        if ":user/" in caller.get("found", ""):
            found["keys"] = look(client, keys_of(caller["found"]))
        else:
            found["keys"] = caller if "error" in caller else {"found": []}
    if found["keys"].get("found", []) is None:  # the local cloud knows a caller that is no user
        found["keys"]["found"] = []
    for one in found["done"].get("found", []):
        one["content"] = json.loads(one["content"])
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={"name": {"type": "str", "required": True}, "tags": {"type": "dict", "required": True}},
        supports_check_mode=True,
    )
    try:
        session = Session(module)
    except BotoCoreError as error:
        module.fail_json_aws(error, msg="The account cannot be read")
    module.exit_json(changed=False, looks=looks(session.client, module.params))


if __name__ == "__main__":
    main()
