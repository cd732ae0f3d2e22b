#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Read ElastiCache replication groups."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: elasticache_replication_group_info
short_description: Read ElastiCache replication groups
description:
  - Returns one replication group, or all groups of the account and region.
  - Returns an empty list for a missing group, without an error.
options:
  replication_group_id:
    description:
      - The group to read. Reads all groups if omitted.
    type: str
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
- name: Wait until the cache is available
  table_order.infra.elasticache_replication_group_info:
    replication_group_id: table-order-redis
  register: cache
  until: cache.replication_groups | map(attribute='status') | list == ['available']
  retries: 60
  delay: 15
"""

RETURN = r"""
replication_groups:
  description: The groups, each with the keys of M(table_order.infra.elasticache_replication_group)'s result.
  returned: always
  type: list
  elements: dict
  sample:
    - replication_group_id: table-order-redis
      status: available
      primary_endpoint:
        address: table-order-redis.xxxxxx.ng.0001.apn2.cache.amazonaws.com
        port: 6379
      member_clusters: [table-order-redis-001]
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.table_order.infra.plugins.module_utils.elasticache_replication_group import (
    describe_all_groups,
    describe_group,
)

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {"replication_group_id": {"type": "str"}}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    group_id = module.params["replication_group_id"]
    try:
        client = module.client("elasticache", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        if group_id:
            group = describe_group(client, group_id.lower())
            groups = [group] if group else []
        else:
            groups = describe_all_groups(client)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Replication group {group_id or '(all)'} cannot be read")
    module.exit_json(changed=False, replication_groups=groups)


if __name__ == "__main__":
    main()
