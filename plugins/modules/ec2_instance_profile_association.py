#!/usr/bin/python
"""Put an instance profile on an EC2 instance, also one that was made again under the same name."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
---
module: ec2_instance_profile_association
short_description: Put an instance profile on an EC2 instance
description:
  - Associates the instance with the instance profile that has the name now.
  - M(amazon.aws.ec2_instance) compares ARNs. A profile that was deleted and made again has the ARN of before and another id, and
    the instance has no credentials until it is associated anew.
options:
  instance_id:
    description: The instance, which runs.
    type: str
    required: true
  instance_profile:
    description: Name of the instance profile.
    type: str
    required: true
attributes:
  check_mode:
    description: Says what it would change. A profile that is not there yet counts as another one.
    support: full
  diff_mode:
    description: Shows the profile's id before and after.
    support: full
author:
  - Table Order infrastructure
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Put the instance profile on the server
  ec2_instance_profile_association:
    instance_id: i-0123456789abcdef0
    instance_profile: table-order-ec2-role
"""

RETURN = r"""
instance_profile_id:
  description: Id of the profile that the instance has after the module; empty in check mode when there is none of that name yet.
  returned: success
  type: str
  sample: AIPAJEDNCAA64SSD265D6
"""

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "instance_id": {"type": "str", "required": True},
    "instance_profile": {"type": "str", "required": True},
}


def present_association(ec2: Any, instance_id: str) -> dict[str, Any]:  # noqa: ANN401
    """Return the instance's association; empty when it has none."""
    filters = [
        {"Name": "instance-id", "Values": [instance_id]},
        {"Name": "state", "Values": ["associating", "associated"]},
    ]
    found = ec2.describe_iam_instance_profile_associations(Filters=filters, aws_retry=True)
    return next(iter(found["IamInstanceProfileAssociations"]), {})


def wanted_id(module: AnsibleAWSModule, iam: Any) -> str:  # noqa: ANN401
    """Return the id of the profile that has the name; empty when check mode finds none, since the run would make it."""
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
    """Associate the instance where another profile, or none, is on it; returns the module's result. Raises botocore's errors."""
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
        said = "The instance profile {instance_profile} cannot be put on {instance_id}".format(
            **module.params
        )
        module.fail_json_aws(error, msg=said)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
