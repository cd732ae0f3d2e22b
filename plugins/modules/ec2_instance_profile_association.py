#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Associate an instance profile with an EC2 instance, also one recreated under the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_instance_profile_association
short_description: Associate an instance profile with an EC2 instance
description:
  - Associates the instance with the instance profile that currently has the name.
  - M(amazon.aws.ec2_instance) compares ARNs. A recreated profile has the same ARN and another id, and the instance has no
    credentials until a new association.
options:
  instance_id:
    description: The running instance.
    type: str
    required: true
  instance_profile:
    description: Name of the instance profile.
    type: str
    required: true
attributes:
  check_mode:
    description: Reports the change. A missing profile counts as a different one.
    support: full
  diff_mode:
    description: Shows the profile's id before and after.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Associate the instance profile with the server
  table_order.infra.ec2_instance_profile_association:
    instance_id: i-0123456789abcdef0
    instance_profile: table-order-ec2-role
"""

RETURN = r"""
instance_profile_id:
  description: Id of the instance's profile after the run; empty in check mode if the profile does not exist yet.
  returned: success
  type: str
  sample: AIPAJEDNCAA64SSD265D6
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "instance_id": {"type": "str", "required": True},
    "instance_profile": {"type": "str", "required": True},
}


def present_association(ec2: Any, instance_id: str) -> dict[str, Any]:  # noqa: ANN401
    """Return the instance's association; empty without one."""
    filters = [
        {"Name": "instance-id", "Values": [instance_id]},
        {"Name": "state", "Values": ["associating", "associated"]},
    ]
    found = ec2.describe_iam_instance_profile_associations(Filters=filters, aws_retry=True)
    return next(iter(found["IamInstanceProfileAssociations"]), {})


def wanted_id(module: AnsibleAWSModule, iam: Any) -> str:  # noqa: ANN401
    """Return the id of the named profile; empty if check mode finds none, since a run would create it."""
    try:
        answer = iam.get_instance_profile(
            InstanceProfileName=module.params["instance_profile"], aws_retry=True
        )
    except iam.exceptions.NoSuchEntityException:
        if module.check_mode:
            return ""
        raise
    return answer["InstanceProfile"]["InstanceProfileId"]


def associate(module: AnsibleAWSModule, ec2: Any, iam: Any) -> dict[str, Any]:  # noqa: ANN401
    """Associate the profile if the instance has another one or none; returns the module's result. Raises botocore's errors."""
    instance_id = module.params["instance_id"]
    wanted, association = wanted_id(module, iam), present_association(ec2, instance_id)
    before = association.get("IamInstanceProfile", {}).get("Id", "")
    changed = not wanted or before != wanted
    if changed and not module.check_mode:
        profile = {"Name": module.params["instance_profile"]}
        if association:
            ec2.replace_iam_instance_profile_association(
                AssociationId=association["AssociationId"], IamInstanceProfile=profile, aws_retry=True
            )
        else:
            ec2.associate_iam_instance_profile(
                InstanceId=instance_id, IamInstanceProfile=profile, aws_retry=True
            )
    diff = {"before": {"instance_profile_id": before}, "after": {"instance_profile_id": wanted}}
    return {"changed": changed, "instance_profile_id": wanted, "diff": diff}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        retries = AWSRetry.jittered_backoff(retries=8)
        clients = [module.client(service, retry_decorator=retries) for service in ("ec2", "iam")]
        result = associate(module, *clients)
    except (BotoCoreError, ClientError) as error:
        message = "The instance profile {instance_profile} cannot be associated with {instance_id}".format(
            **module.params
        )
        module.fail_json_aws(error, msg=message)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
