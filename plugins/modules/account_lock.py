#!/usr/bin/python
"""Hold a lock in the AWS account."""

import json
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
---
module: account_lock
short_description: Hold a lock in the AWS account
description:
  - Keeps a lock as numbered SSM parameters below a path. The highest number says who holds it, or that it is free.
  - To take, to renew and to give back are each the creation of the next number, without Overwrite. Of several that try,
    AWS lets one create it, whatever they have read before.
  - A lock is taken over when its lease has passed, by AWS's clock, or when its holder was a process of this machine that
    has ended. The highest number is never deleted, so that no number is ever used twice.
  - In check mode nothing is asked and nothing is done.
options:
  path:
    description:
      - What the names of the parameters begin with, without the number.
    type: str
    required: true
  state:
    description:
      - V(held) takes or renews it. V(free) gives it back, and does nothing to a lock of somebody else.
    type: str
    choices: [held, free]
    default: held
  holder:
    description:
      - Who holds it, as the filter C(fastapi_app_holder) says.
      - Its C(token), C(machine), C(process), C(started), C(who), C(what) and C(since) are kept. No secret belongs here.
    type: dict
    required: true
  lease:
    description:
      - For how many seconds it is held unless it is renewed.
    type: int
    default: 3600
  take_over:
    description:
      - Take it from whoever holds it, whose run is known to be dead.
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
author:
  - Table Order infrastructure
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Hold the lock
  account_lock:
    path: /table-order/lock/provision
    holder: "{{ 'provision.yml' | fastapi_app_holder }}"

- name: Give the lock back
  account_lock:
    path: /table-order/lock/provision
    holder: "{{ 'provision.yml' | fastapi_app_holder }}"
    state: free
"""

RETURN = r"""
number:
  description: The number of the parameter that says so, 0 in check mode and where nothing was done.
  returned: always
  type: int
  sample: 7
"""

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
"""Numbers this old are removed: a run that read one of them and still means to create the next has long ended."""


class Lock:
    """The numbered parameters below a path."""

    def __init__(self, client: Any, path: str, tags: dict[str, str]) -> None:  # noqa: ANN401
        """Stand for the lock at ``path``."""
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
        """Create a number; say whether this call did, and no other."""
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
    """Say whether the lock's holder was a process of this machine that runs no more."""
    if not machine or lock.get("machine") != machine:
        return False
    try:
        fields = Path(f"/proc/{lock['process']}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] == "Z" or fields[19] != lock["started"]


def is_free(lock: dict[str, Any], machine: str, now: float) -> bool:
    """Say whether anybody may take it."""
    return lock["state"] == "free" or now > lock["modified"] + lock["lease"] or has_ended(lock, machine)


def refusal(lock: dict[str, Any], path: str, now: float) -> str:
    """Say in one line who holds it, and until when."""
    minutes = max(1, round((lock["modified"] + lock["lease"] - now) / 60))
    return (
        f"{lock['who']} runs {lock['what']} since {lock['since']} and holds the lock {path}. Wait until that run has ended; "
        f"if it was killed on another machine, the lock is free in {minutes} minutes, or at once, if you know that it is dead, "
        "with -e table_order_lock_break=true"
    )


def is_of(lock: dict[str, Any], content: dict[str, Any]) -> bool:
    """Say whether the run that would write ``content`` holds the lock."""
    return lock["state"] == "held" and all(lock[key] == content[key] for key in ("token", "who"))


def settle(lock: Lock, content: dict[str, Any], take_over: bool = False) -> tuple[int, str]:
    """Take, renew or give back; return the number that says so (0: nothing to do) and why it was refused."""
    found, now = lock.read()
    highest = max(found, default=0)
    last = found.get(highest, {"state": "free"})
    if is_of(last, content):
        # The run is as old as its first hold.
        content = content | {"since": last["since"]}
    elif content["state"] == "free":
        return 0, ""
    elif not take_over and not is_free(last, content["machine"], now):
        return 0, refusal(last, lock.path, now)
    created = lock.create(highest + 1, content)
    # A read of before may be old, and the number may have been removed: the highest counts.
    later, now = lock.read()
    top = max(later, default=0)
    if created and top <= highest + 1:
        lock.clean(later, highest + 1, now)
        return highest + 1, ""
    last = later.get(top, {"state": "free"})
    if top > highest and is_of(last, content):
        # Another lane of this run has renewed it in the same moment.
        return top, ""
    if last["state"] == "free":
        return 0, f"Another run has just held the lock {lock.path}. Run this again."
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
