#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Hold a lock in the AWS account."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: account_lock
short_description: Hold a lock in the AWS account
description:
  - Keeps a lock as numbered SSM parameters below a path. The highest number names the holder, or marks the lock as free.
  - Taking, renewing and releasing the lock each create the next number, without Overwrite. Of several concurrent runs, AWS
    lets only one create a number, whatever the runs have read before.
  - Takes over a lock after its lease, by AWS's clock, or if the holder was a process of this machine that has ended. Never
    deletes the highest number, so that no number is used twice.
  - In check mode the module does nothing.
options:
  path:
    description:
      - Common prefix of the parameters' names, without the number.
    type: str
    required: true
  state:
    description:
      - V(held) takes or renews the lock. V(free) releases the lock, unless another run holds it.
    type: str
    choices: [held, free]
    default: held
  holder:
    description:
      - The holder, from the filter C(fastapi_app_holder).
      - Stores its C(token), C(machine), C(process), C(started), C(who), C(what) and C(since). Must contain no secret.
    type: dict
    required: true
  lease:
    description:
      - Lease in seconds, unless the run renews the lock.
    type: int
    default: 3600
  take_over:
    description:
      - Take the lock from a holder whose run is known to be dead.
    type: bool
    default: false
  tags:
    description:
      - Tags of the parameters.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Does nothing in check mode.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Hold the lock
  table_order.infra.account_lock:
    path: /table-order/lock/provision
    holder: "{{ 'provision.yml' | table_order.infra.fastapi_app_holder }}"

- name: Release the lock
  table_order.infra.account_lock:
    path: /table-order/lock/provision
    holder: "{{ 'provision.yml' | table_order.infra.fastapi_app_holder }}"
    state: free
"""

RETURN = r"""
number:
  description: The number of the new parameter; 0 in check mode and without a change.
  returned: always
  type: int
  sample: 7
"""

import json
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "path": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["held", "free"], "default": "held"},
    "holder": {"type": "dict", "required": True},
    "lease": {"type": "int", "default": 3600},
    "take_over": {"type": "bool", "default": False},
    "tags": {"type": "dict", "default": {}},
}
KEPT = ("token", "machine", "process", "started", "who", "what", "since")
OLD_SECONDS = 24 * 3600
"""Numbers this old are removed: every run that read one of them has ended long ago."""


class Lock:
    """The numbered parameters below a path."""

    def __init__(self, client: Any, path: str, tags: dict[str, str]) -> None:  # noqa: ANN401
        """Prepare the lock at ``path``."""
        self.client, self.path = client, path
        self.tags = [{"Key": key, "Value": str(value)} for key, value in tags.items()]

    def read(self) -> tuple[dict[int, dict[str, Any]], float]:
        """Return the parameters by number, each with its ``state`` and ``modified``, and AWS's time (epoch seconds)."""
        found: dict[int, dict[str, Any]] = {}
        more: dict[str, str] = {}
        while True:
            answer = self.client.get_parameters_by_path(Path=self.path, aws_retry=True, **more)
            for parameter in answer["Parameters"]:
                number = int(parameter["Name"].rpartition("/")[2])
                modified = parameter["LastModifiedDate"].timestamp()
                found[number] = json.loads(parameter["Value"]) | {"modified": modified}
            if not answer.get("NextToken"):
                date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
                return found, parsedate_to_datetime(date).timestamp()
            more = {"NextToken": answer["NextToken"]}

    def create(self, number: int, content: dict[str, Any]) -> bool:
        """Create a number; return whether this call, and no other, created it."""
        try:
            self.client.put_parameter(
                Name=f"{self.path}/{number}", Type="String", Value=json.dumps(content), Tags=self.tags
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterAlreadyExists":
                return False
            raise
        return True

    def clean(self, found: dict[int, dict[str, Any]], highest: int, now: float) -> None:
        """Remove old numbers, ten in a call, and never the highest."""
        old = sorted(n for n, one in found.items() if n < highest and now - one["modified"] > OLD_SECONDS)
        for start in range(0, len(old), 10):
            names = [f"{self.path}/{number}" for number in old[start : start + 10]]
            self.client.delete_parameters(Names=names, aws_retry=True)


def has_ended(lock: dict[str, Any], machine: str) -> bool:
    """Return whether the lock's holder was a process of this machine that has ended."""
    if not machine or lock.get("machine") != machine:
        return False
    try:
        fields = Path(f"/proc/{lock['process']}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] == "Z" or fields[19] != lock["started"]


def is_free(lock: dict[str, Any], machine: str, now: float) -> bool:
    """Return whether any run may take the lock."""
    return lock["state"] == "free" or now > lock["modified"] + lock["lease"] or has_ended(lock, machine)


def refusal(lock: dict[str, Any], path: str, now: float) -> str:
    """Return one line that names the lock's holder and the end of the lease."""
    minutes = max(1, round((lock["modified"] + lock["lease"] - now) / 60))
    return (
        f"{lock['who']} runs {lock['what']} since {lock['since']} and holds the lock {path}. Wait for the end of that run. If "
        f"it was killed on another machine, the lock expires in {minutes} minutes. If you know that it is dead, break the lock "
        "with -e table_order_lock_break=true"
    )


def is_of(lock: dict[str, Any], content: dict[str, Any]) -> bool:
    """Return whether the run of ``content`` holds the lock."""
    return lock["state"] == "held" and all(lock[key] == content[key] for key in ("token", "who"))


def settle(lock: Lock, content: dict[str, Any], take_over: bool = False) -> tuple[int, str]:
    """Take, renew or release the lock; return the new number (0: no change) and the reason of a refusal."""
    found, now = lock.read()
    highest = max(found, default=0)
    last = found.get(highest, {"state": "free"})
    if is_of(last, content):
        # Keep the time of the run's first hold.
        content = content | {"since": last["since"]}
    elif content["state"] == "free":
        return 0, ""
    elif not take_over and not is_free(last, content["machine"], now):
        return 0, refusal(last, lock.path, now)
    created = lock.create(highest + 1, content)
    # The first read may be outdated, and the number may have been removed: the highest number decides.
    later, now = lock.read()
    top = max(later, default=0)
    if created and top <= highest + 1:
        lock.clean(later, highest + 1, now)
        return highest + 1, ""
    last = later.get(top, {"state": "free"})
    if top > highest and is_of(last, content):
        # Another lane of this run has renewed the lock in the same moment.
        return top, ""
    if last["state"] == "free":
        return 0, f"Another run has just released the lock {lock.path}. Run this command again."
    return 0, refusal(last, lock.path, now)


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=False, number=0)
    wanted = module.params
    content = {key: wanted["holder"].get(key, "") for key in KEPT}
    content |= {"state": wanted["state"], "lease": wanted["lease"]}
    try:
        client = module.client("ssm", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        number, refused = settle(
            Lock(client, wanted["path"].rstrip("/"), wanted["tags"]), content, wanted["take_over"]
        )
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The lock {wanted['path']} cannot be {wanted['state']}")
    if refused:
        module.fail_json(msg=refused)
    module.exit_json(changed=number > 0, number=number)


if __name__ == "__main__":
    main()
