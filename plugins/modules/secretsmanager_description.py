#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Set the description of an existing secret, and touch no value."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secretsmanager_description
short_description: Set the description of an existing secret, and touch no value
description:
  - M(community.aws.secretsmanager_secret) changes a description only with O(community.aws.secretsmanager_secret#module:overwrite),
    together with the value.
  - Needs C(secretsmanager:DescribeSecret) and C(secretsmanager:UpdateSecret), and no right to read the value.
options:
  name:
    description: The secret.
    type: str
    required: true
  description:
    description: Its description.
    type: str
    required: true
attributes:
  check_mode:
    description: Reports the change. A secret that does not exist, or is scheduled for deletion, counts as unchanged.
    support: full
  diff_mode:
    description: Shows the description before and after.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Set the description of the secret
  table_order.infra.secretsmanager_description:
    name: table-order/app/settings
    description: Signing key and first administrator of the application
"""

RETURN = r"""
description:
  description: The description before the run.
  returned: success
  type: str
  sample: Signing key
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str", "required": True},
}


def describe(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:  # noqa: ANN401
    """Set the description if it differs; returns the module's result. Raises botocore's errors."""
    name, wanted = module.params["name"], module.params["description"]
    try:
        found = client.describe_secret(SecretId=name, aws_retry=True)
    except client.exceptions.ResourceNotFoundException:
        if not module.check_mode:
            raise
        found = {"DeletedDate": "not created"}
    before = found.get("Description", "")
    changed = before != wanted and not (module.check_mode and found.get("DeletedDate"))
    if changed and not module.check_mode:
        client.update_secret(SecretId=name, Description=wanted, aws_retry=True)
    diff = {"before": {"description": before}, "after": {"description": wanted if changed else before}}
    return {"changed": changed, "description": before, "diff": diff}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        client = module.client("secretsmanager", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = describe(module, client)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The description of {module.params['name']} cannot be set")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
