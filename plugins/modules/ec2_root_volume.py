#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Replace the root volume of an EC2 instance by that of an image."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_root_volume
short_description: Replace the root volume of an EC2 instance by that of an image
description:
  - Starts a task of EC2 that stops the instance's system, replaces the root volume by a new one from the image, and boots again.
    The instance keeps its id, its addresses, its network interfaces, its profile and its tags.
  - Starts no second task with the same image and the same O(tags), unless that one failed. The next run finds it and returns its
    state, so that a killed run is continued, and a loop can wait for the end. To return to an image once more, give another tag.
  - Does not wait.
options:
  instance_id:
    description: The running instance.
    type: str
    required: true
  image_id:
    description: An available image of this instance.
    type: str
    required: true
  delete_replaced:
    description: Whether EC2 deletes the replaced volume.
    type: bool
    default: true
  tags:
    description: Tags of the task, which tell it from others with the same image.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Starts no task.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Wait for the end of the replacement
  table_order.infra.ec2_root_volume:
    instance_id: i-0123456789abcdef0
    image_id: ami-0123456789abcdef0
  register: replacement
  until: replacement.state not in ['pending', 'in-progress', 'failing']
  retries: 60
  delay: 15
"""

RETURN = r"""
task_id:
  description: Id of EC2's task; empty in check mode without one.
  returned: success
  type: str
  sample: replacevol-0123456789abcdef0
state:
  description: State of the task, V(pending), V(in-progress), V(failing), V(succeeded), V(failed) or V(failed-detached); empty in
    check mode without one. After V(failed) the instance has its previous volume, after V(failed-detached) none.
  returned: success
  type: str
  sample: in-progress
"""

import hashlib
import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_specifications

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "instance_id": {"type": "str", "required": True},
    "image_id": {"type": "str", "required": True},
    "delete_replaced": {"type": "bool", "default": True},
    "tags": {"type": "dict", "default": {}},
}
FAILED = ("failed", "failed-detached")


def is_of(task: dict[str, Any], image_id: str, tags: dict[str, str]) -> bool:
    """Tell whether a task is with this image and has these tags."""
    own = {tag["Key"]: tag["Value"] for tag in task.get("Tags", [])}
    return task.get("ImageId") == image_id and tags.items() <= own.items()


def tasks_of(client: Any, options: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the instance's tasks with this image and these tags, the oldest first. Raises botocore's errors."""
    filters = [{"Name": "instance-id", "Values": [options["instance_id"]]}]
    tags = {str(key): str(value) for key, value in options["tags"].items()}
    found, token = [], {}
    while True:
        answer = client.describe_replace_root_volume_tasks(Filters=filters, aws_retry=True, **token)
        tasks = answer.get("ReplaceRootVolumeTasks", [])
        found += [one for one in tasks if is_of(one, options["image_id"], tags)]
        if not answer.get("NextToken"):
            return sorted(found, key=lambda one: str(one.get("StartTime", "")))
        token = {"NextToken": answer["NextToken"]}


def token(options: dict[str, Any], failed: int) -> str:
    """Return what tells a request from others; ``failed`` is the number of tasks that failed before."""
    words = [options["instance_id"], options["image_id"], sorted(options["tags"].items()), failed]
    return hashlib.sha256(json.dumps(words, default=str).encode()).hexdigest()


def replace(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:  # noqa: ANN401
    """Find or start the task; return the module's result. Raises botocore's errors."""
    options = module.params
    tasks = tasks_of(client, options)
    task = next((one for one in reversed(tasks) if one["TaskState"] not in FAILED), {})
    changed = not task
    if changed and not module.check_mode:
        specification = boto3_tag_specifications(options["tags"], types=["replace-root-volume-task"])
        task = client.create_replace_root_volume_task(
            InstanceId=options["instance_id"],
            ImageId=options["image_id"],
            DeleteReplacedRootVolume=options["delete_replaced"],
            # Two runs at once start one task; each failed task allows another one.
            ClientToken=token(options, len(tasks)),
            **({"TagSpecifications": specification} if specification else {}),
            aws_retry=True,
        )["ReplaceRootVolumeTask"]
    return {
        "changed": changed,
        "task_id": task.get("ReplaceRootVolumeTaskId", ""),
        "state": task.get("TaskState", ""),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = replace(module, client)
    except (BotoCoreError, ClientError) as error:
        message = "The root volume of {instance_id} cannot be replaced by that of {image_id}".format(
            **module.params
        )
        module.fail_json_aws(error, msg=message)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
