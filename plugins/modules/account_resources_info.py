#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Read the described AWS resources, and what the account has beside them."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: account_resources_info
short_description: Read the described AWS resources, and what the account has beside them
description:
  - Reads each described resource with all properties that a description may have, and what carries the service's tags or names
    without being described. One process, 16 calls at a time.
  - Reads only, and no secret's value.
  - A denied read is part of the result. Any other failure fails the module, so that an unread resource never looks absent.
options:
  resources:
    description:
      - Descriptions with O(resources[].type), O(resources[].name) and O(resources[].properties), named as in CloudFormation.
      - The table in C(plugins/module_utils/account_types.py) has the types and their properties.
    type: list
    elements: dict
    required: true
    suboptions:
      type:
        description: The type, for example V(AWS::EC2::Subnet).
        type: str
        required: true
      name:
        description:
          - The name on AWS. Where AWS has no names, the tag C(Name), together with the tag C(Environment) of O(tags).
        type: str
        required: true
      properties:
        description:
          - The wanted values. A reference to another resource is the name of that.
          - Only tell the module what to ask for, and which values need a note; it does not compare.
        type: dict
        default: {}
      absent:
        description: Whether the settings no longer ask for the resource. The module reads it all the same.
        type: bool
        default: false
  tags:
    description:
      - Tags of all of the service's resources. What has all of them and is not described, is RV(unmanaged).
    type: dict
    default: {}
  name:
    description:
      - The service's name, with which the names of its resources begin. What has such a name and is not described, is
        RV(unmanaged), unless a tag shows that it belongs to another environment of the project.
    type: str
    required: true
attributes:
  check_mode:
    description: Reads only, also in check mode.
    support: full
notes:
  - Needs C(cloudwatch:DescribeAlarms), C(cloudwatch:ListTagsForResource), C(ec2:Describe*), C(elasticache:DescribeCacheClusters),
    C(elasticache:DescribeCacheSubnetGroups), C(elasticache:DescribeReplicationGroups), C(elasticache:ListTagsForResource),
    C(iam:GetInstanceProfile), C(iam:GetRole), C(iam:GetRolePolicy), C(iam:ListAttachedRolePolicies),
    C(iam:ListInstanceProfiles), C(iam:ListRolePolicies), C(iam:ListRoles), C(logs:DescribeLogGroups),
    C(logs:ListTagsForResource), C(rds:DescribeDBInstances), C(rds:DescribeDBParameterGroups), C(rds:DescribeDBParameters),
    C(rds:DescribeDBSubnetGroups), C(rds:DescribePendingMaintenanceActions), C(rds:ListTagsForResource),
    C(s3:GetAccelerateConfiguration), C(s3:GetBucket*), C(s3:GetEncryptionConfiguration), C(s3:GetLifecycleConfiguration),
    C(s3:GetReplicationConfiguration), C(s3:ListAllMyBuckets), C(secretsmanager:GetResourcePolicy),
    C(secretsmanager:ListSecrets), C(sns:GetTopicAttributes), C(sns:ListSubscriptionsByTopic), C(sns:ListTagsForResource),
    C(sns:ListTopics), C(sts:GetCallerIdentity) and C(tag:GetResources). Without one of them it says what it cannot tell.
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Read the account
  table_order.infra.account_resources_info:
    resources:
      - type: AWS::EC2::VPC
        name: table-order-vpc
        properties: {CidrBlock: 10.0.0.0/16, EnableDnsSupport: true, EnableDnsHostnames: true}
    tags: {Project: table-order, Environment: production}
    name: table-order
  register: account
"""

RETURN = r"""
account:
  description: The number of the account.
  returned: always
  type: str
  sample: "111122223333"
region:
  description: The region.
  returned: always
  type: str
  sample: ap-northeast-2
seconds:
  description: How long the reads took.
  returned: always
  type: float
  sample: 0.8
resources:
  description:
    - The described resources that exist. Their properties are in the normal form of C(account_types.py), with names for the ids of
      described resources. A property is missing only if a read was denied; then RV(denied) has the type.
    - The address is the IP address that AWS chose for a server (the private one) or an Elastic IP, and empty for other types.
    - A change that AWS has agreed to and makes later (in the maintenance window, for example), has its value to come in C(pending).
    - The notes say what AWS does by itself or has not finished, and which unusual value no description has.
  returned: always
  type: list
  elements: dict
  sample:
    - type: AWS::EC2::VPC
      name: table-order-vpc
      id: vpc-0123456789abcdef0
      address: ""
      properties: {CidrBlock: 10.0.0.0/16, EnableDnsSupport: true, EnableDnsHostnames: true}
      pending: {}
      notes: []
absent:
  description: The described resources that do not exist, but that AWS still knows, with notes that say why.
  returned: always
  type: list
  elements: dict
  sample:
    - type: AWS::SecretsManager::Secret
      name: table-order/app/settings
      id: arn:aws:secretsmanager:ap-northeast-2:111122223333:secret:table-order/app/settings-AbCdEf
      notes: [It is scheduled for deletion (2026-12-01); the creation restores it with its old value.]
unmanaged:
  description:
    - What belongs to the service by its tags, its name or its network, and is not described, with the reason in C(why).
    - Without the parameters that the playbooks keep (locks, marks of procedures and the live release below C(/NAME/)), secrets
      below C(NAME/app/), snapshots, and the parts of described resources.
  returned: always
  type: list
  elements: dict
  sample:
    - type: AWS::EC2::Instance
      name: table-order-test
      id: i-0123456789abcdef0
      why: It has the tags Project=table-order, Environment=production.
denied:
  description:
    - The IAM actions that AWS denied, with its message, and the types that cannot be told (completely) without them.
    - A described resource of such a type that is not in RV(resources) may exist.
  returned: always
  type: list
  elements: dict
  sample:
    - action: ec2:DescribeAddresses
      message: You are not authorized to perform this operation.
      types: [AWS::EC2::EIP]
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.table_order.infra.plugins.module_utils.account_reader import ReadError, Session, read
from ansible_collections.table_order.infra.plugins.module_utils.account_types import PropertyError

try:
    from botocore.exceptions import BotoCoreError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "resources": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "type": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "properties": {"type": "dict", "default": {}},
            "absent": {"type": "bool", "default": False},
        },
    },
    "tags": {"type": "dict", "default": {}},
    "name": {"type": "str", "required": True},
}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    try:
        session = Session(module)
        result = read(session.client, options["resources"], options["tags"], options["name"])
    except (ReadError, PropertyError) as error:
        module.fail_json(msg=f"The account cannot be read. {error}")
    except BotoCoreError as error:
        module.fail_json_aws(error, msg="The account cannot be read")
    module.exit_json(changed=False, region=session.region, **result)


if __name__ == "__main__":
    main()
