#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Take a secret to its next value, in the stages of Secrets Manager."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secretsmanager_rotation
short_description: Take a secret to its next value, in the stages of Secrets Manager
description:
  - A rotation has three stages. The next value is written beside the current one (V(pending)), becomes the current one once it is
    proven (V(current)), and is finished once the old value is given up (V(finished)).
  - The stages are Secrets Manager's labels, so that they outlive the run. While C(AWSPENDING) exists a rotation is not finished,
    and V(pending) gives its value instead of a new one.
  - No module of the collections sets labels. This one needs no rotation function.
options:
  name:
    description: The name or ARN of the secret, whose value is a JSON object.
    type: str
    required: true
  stage:
    description: The stage to reach. A stage that is reached already is left as it is.
    type: str
    choices: [pending, current, finished]
    required: true
  draw:
    description: The keys of the secret that get a new value, drawn from letters and digits. Only with V(pending).
    type: list
    elements: str
    default: []
  length:
    description: The number of letters and digits of a drawn value.
    type: int
    default: 32
  values:
    description:
      - Keys with a value that is given. Only with V(pending). An unfinished rotation takes them, too, until its value is
        the current one.
    type: dict
    default: {}
  keep:
    description: Keys whose old value stays in the secret under another key, by the old key's name. Only with V(pending).
    type: dict
    default: {}
attributes:
  check_mode:
    description: Writes nothing.
    support: full
notes:
  - Needs C(secretsmanager:DescribeSecret), C(secretsmanager:GetSecretValue), C(secretsmanager:PutSecretValue) and
    C(secretsmanager:UpdateSecretVersionStage).
  - RV(next) and RV(previous) are secrets. Use C(no_log).
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Draw the next password
  table_order.infra.secretsmanager_rotation:
    name: table-order/rds/owner
    stage: pending
    draw: [password]
  register: rotation
  no_log: true

# Set it, and log in with it.

- name: Make the next password the current one
  table_order.infra.secretsmanager_rotation:
    name: table-order/rds/owner
    stage: current

# Make sure that the old one is refused.

- name: Finish the rotation
  table_order.infra.secretsmanager_rotation:
    name: table-order/rds/owner
    stage: finished
"""

RETURN = r"""
next:
  description: The content of the next value. In check mode, without an unfinished rotation, an empty dictionary.
  returned: with V(pending)
  type: dict
previous:
  description: The content of the value before the next one.
  returned: with V(pending)
  type: dict
promoted:
  description: Whether the next value is the current one.
  returned: with V(pending)
  type: bool
  sample: false
"""

import json
import secrets
import string
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "stage": {"type": "str", "choices": ["pending", "current", "finished"], "required": True},
    "draw": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "length": {"type": "int", "default": 32},
    "values": {"type": "dict", "default": {}},
    "keep": {"type": "dict", "default": {}},
}
PENDING = "AWSPENDING"
CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"
LETTERS = string.ascii_letters + string.digits
"""They need no escaping for RDS, ElastiCache, a URL, a shell or systemd."""


class RotationError(Exception):
    """The secret cannot be rotated; the message names the reason and the fix, and no value."""


class Rotation:
    """The rotation of one secret."""

    def __init__(self, client: Any, options: dict[str, Any], check_mode: bool) -> None:  # noqa: ANN401 - boto3 has no types
        """Read which version has which label."""
        self.client, self.options, self.check_mode = client, options, check_mode
        self.name = options["name"]
        versions = client.describe_secret(SecretId=self.name, aws_retry=True).get("VersionIdsToStages", {})
        self.version = {label: version for version, labels in versions.items() for label in labels}
        if CURRENT not in self.version:
            raise RotationError(
                f"{self.name} has no value. Create it with: ansible-playbook playbooks/provision.yml"
            )

    @property
    def promoted(self) -> bool:
        """Whether the next value is the current one, and the old one is not given up yet."""
        return self.version.get(PENDING) == self.version[CURRENT]

    def content(self, label: str) -> dict[str, Any]:
        """Return the content of a version, a JSON object."""
        if label not in self.version:
            raise RotationError(
                f"{self.name} has no version with the label {label}, which a rotation leaves."
            )
        answer = self.client.get_secret_value(
            SecretId=self.name, VersionId=self.version[label], aws_retry=True
        )
        try:
            content = json.loads(answer.get("SecretString", ""))
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise RotationError(
                f"The version {label} of {self.name} is no JSON object. Remove its label if a rotation by another tool left "
                "it, or store a JSON object."
            )
        return content

    def pending(self) -> dict[str, Any]:
        """Have a next value."""
        before = self.content(PREVIOUS if self.promoted else CURRENT)
        if PENDING in self.version:
            drawn = self.content(PENDING)
            after = drawn if self.promoted else {**drawn, **self.options["values"]}
            result = {"changed": after != drawn, "next": after, "previous": before, "promoted": self.promoted}
            if result["changed"]:
                self.put(after)
            return result
        result = {"changed": True, "next": {}, "previous": before, "promoted": False}
        if missing := sorted({*self.options["draw"], *self.options["keep"]} - before.keys()):
            raise RotationError(f"{self.name} has no key {', '.join(missing)}.")
        if self.check_mode:
            return result
        kept = {new: before[old] for old, new in self.options["keep"].items()}
        drawn = {
            key: "".join(secrets.choice(LETTERS) for _place in range(self.options["length"]))
            for key in self.options["draw"]
        }
        result["next"] = {**before, **kept, **self.options["values"], **drawn}
        self.put(result["next"])
        return result

    def put(self, content: dict[str, Any]) -> None:
        """Write the next value beside the current one; the label moves to it."""
        if not self.check_mode:
            self.client.put_secret_value(
                SecretId=self.name, SecretString=json.dumps(content), VersionStages=[PENDING], aws_retry=True
            )

    def current(self) -> dict[str, Any]:
        """Make the next value the current one; without a next one all is done."""
        if PENDING not in self.version or self.promoted:
            return {"changed": False}
        self.move(CURRENT, MoveToVersionId=self.version[PENDING], RemoveFromVersionId=self.version[CURRENT])
        return {"changed": True}

    def finished(self) -> dict[str, Any]:
        """Forget that a rotation was under way."""
        if PENDING not in self.version:
            return {"changed": False}
        if not self.promoted and not self.check_mode:
            raise RotationError(
                f"The next value of {self.name} is not the current one yet: reach the stage current first."
            )
        self.move(PENDING, RemoveFromVersionId=self.version[PENDING])
        return {"changed": True}

    def move(self, label: str, **versions: str) -> None:
        """Move or remove a label."""
        if not self.check_mode:
            self.client.update_secret_version_stage(
                SecretId=self.name, VersionStage=label, aws_retry=True, **versions
            )


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    try:
        client = module.client("secretsmanager", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        rotation = Rotation(client, options, module.check_mode)
        result = getattr(rotation, options["stage"])()
    except RotationError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The rotation of {options['name']} failed")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
