#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Read which versions of secrets are current."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secret_versions_info
short_description: Read which versions of secrets are current
description:
  - Returns the id of the version with the stage AWSCURRENT of each secret whose name begins with a prefix. Reads no value.
options:
  prefix:
    description: Beginning of the secrets' names.
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
- name: Read the versions of the application's secrets
  table_order.infra.secret_versions_info:
    prefix: table-order/app/
"""

RETURN = r"""
versions:
  description: The id of the current version, by the secret's name. A secret without a value, or one to be deleted, is left out.
  returned: success
  type: dict
  sample: {table-order/app/database: 6f9619ff-8b86-4011-b42d-00c04fc964ff}
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {"prefix": {"type": "str", "required": True}}


def current(secrets: list[dict[str, Any]], prefix: str) -> dict[str, str]:
    """Return the id of each secret's current version by name; ``secrets`` is the list of ListSecrets."""
    return {
        secret["Name"]: version
        for secret in secrets
        for version, stages in secret.get("SecretVersionsToStages", {}).items()
        # AWS's filter also finds the prefix behind a slash.
        if secret["Name"].startswith(prefix) and "AWSCURRENT" in stages
    }


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    prefix = module.params["prefix"]
    try:
        client = module.client("secretsmanager", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        pages = client.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [prefix]}])
        secrets = pages.build_full_result()["SecretList"]
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The secrets below {prefix} cannot be listed")
    module.exit_json(changed=False, versions=current(secrets, prefix))


if __name__ == "__main__":
    main()
