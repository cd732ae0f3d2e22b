#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Learn and verify a server's SSH host key before the first connection."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: instance_host_key
short_description: Learn and verify a server's SSH host key before the first connection
description:
  - Creates the directory of O(known_hosts) (0700) and adds the instance's host key under the instance's id. The key comes
    from the file itself, else from the instance's tag O(tag), else from the instance's console, where cloud-init prints it
    once.
  - Stores the console's key as the instance's tag, for other clones of the repository. If the tag is missing, a known key
    becomes the tag only if it is the console's; the first connection may have accepted any key.
  - Fails if another key answers at O(address), or if O(known_hosts) has another key than the tag or the console, and names the
    fix.
  - Also writes the file in check mode, because the connection needs it; writes no tag then.
options:
  instance_id:
    description: The EC2 instance.
    type: str
    required: true
  address:
    description: Address of the instance's sshd.
    type: str
    required: true
  port:
    description: Port of the instance's sshd.
    type: int
    default: 22
  known_hosts:
    description: The file with the host keys.
    type: path
    required: true
  tagged:
    description: The value of the instance's tag O(tag), empty without one.
    type: str
    default: ""
  tag:
    description: The tag that holds the key.
    type: str
    default: HostKey
  launch_time:
    description: Launch time of the instance, in ISO 8601. The module waits only for the console of a new instance.
    type: str
    default: ""
  wait_seconds:
    description: Timeout of the wait for a new instance's console, in seconds.
    type: int
    default: 180
  poll_seconds:
    description: Seconds between two reads of the console.
    type: int
    default: 15
attributes:
  check_mode:
    description: Writes no tag.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Learn the server's host key
  table_order.infra.instance_host_key:
    instance_id: i-0123456789abcdef0
    address: 203.0.113.7
    known_hosts: "{{ playbook_dir }}/.state/production/known_hosts"
"""

RETURN = r"""
source:
  description: Source of the key; first connection, if the key is unknown and the first connection will accept it.
  returned: success
  type: str
  sample: console
last_lines:
  description: Lines to repeat at the end of the run.
  returned: success
  type: list
  elements: str
"""

import base64
import hashlib
import re
import shlex
import time
from pathlib import Path
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "instance_id": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "known_hosts": {"type": "path", "required": True},
    "tagged": {"type": "str", "default": ""},
    "tag": {"type": "str", "default": "HostKey"},
    "launch_time": {"type": "str", "default": ""},
    "wait_seconds": {"type": "int", "default": 180},
    "poll_seconds": {"type": "int", "default": 15},
}
# In the order of preference. A tag holds at most 256 characters, so an RSA key does not fit.
KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)) +([A-Za-z0-9+/]{40,230}={0,2})(?:\s|$)")
BLOCK = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL)
YOUNG_SECONDS = 900
SCAN_SECONDS = 5


def keys_in(text: str) -> list[str]:
    """Return the public keys ("type base64") in ``text``, the preferred one first."""
    keys = [f"{kind} {key}" for kind, key in KEY.findall(text)]
    return sorted(keys, key=lambda key: not key.startswith("ssh-ed25519"))


def keys_of_console(output: str) -> list[str]:
    """Return the keys in a console's last complete block of cloud-init, the preferred one first."""
    blocks = BLOCK.findall(output)
    return keys_in(blocks[-1]) if blocks else []


def known_keys(path: Path, instance_id: str) -> list[str]:
    """Return the keys ("type base64") that the file has for an instance."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = [line.split() for line in lines]
    return [" ".join(words[1:3]) for words in found if len(words) >= 3 and words[0] == instance_id]


def fingerprint(key: str) -> str:
    """Format a key as ssh does: its type and its SHA256."""
    kind, _dummy, data = key.partition(" ")
    digest = hashlib.sha256(base64.b64decode(data + "==")).digest()
    return f"{kind} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def scan(module: AnsibleAWSModule, address: str, port: int) -> list[str]:
    """Return the host keys at an address; empty without an answer."""
    # ssh-keyscan's own limit holds for each attempt.
    limit = ["timeout", str(4 * SCAN_SECONDS)]
    command = ["ssh-keyscan", "-T", str(SCAN_SECONDS), "-p", str(port), address]
    # AnsibleAWSModule does not pass run_command on.
    output = module._module.run_command([*limit, *command])[1]
    words = [line.split() for line in output.splitlines() if not line.startswith("#")]
    return [" ".join(line[1:3]) for line in words if len(line) >= 3]


def keep(path: Path, instance_id: str, key: str) -> None:
    """Add a key to the file, which only its owner can read."""
    with path.open("a") as file:
        file.write(f"{instance_id} {key}\n")
    path.chmod(0o600)


def age(launch_time: str) -> float:
    """Return the seconds since an ISO 8601 time; infinite without one."""
    from datetime import UTC, datetime

    try:
        launched = datetime.fromisoformat(launch_time)
    except ValueError:
        return float("inf")
    return (datetime.now(UTC) - launched.replace(tzinfo=launched.tzinfo or UTC)).total_seconds()


def console_keys(client: Any, options: dict[str, Any], wait: bool) -> list[str]:  # noqa: ANN401
    """Return the keys of the instance's console; wait for a new instance if ``wait``."""
    young = age(options["launch_time"]) < YOUNG_SECONDS
    deadline = time.monotonic() + (options["wait_seconds"] if wait and young else 0)
    while True:
        try:
            answer = client.get_console_output(InstanceId=options["instance_id"], Latest=True)
        except is_boto3_error_code("UnsupportedOperation"):
            # Only Nitro instances have the latest output, the others what AWS stored after their start.
            answer = client.get_console_output(InstanceId=options["instance_id"])
            deadline = 0
        keys = keys_of_console(answer.get("Output") or "")
        if keys or time.monotonic() >= deadline:
            return keys
        time.sleep(options["poll_seconds"])


def acceptance(options: dict[str, Any], region: str, answering: list[str]) -> str:
    """Return how to record the best of the keys that answer, after its verification."""
    keys = keys_in("\n".join(answering))
    if not keys:
        return "create an Ed25519 key on the server, restart its sshd and run again: ssh-keygen -A"
    tag = ["--resources", options["instance_id"], "--tags", f"Key={options['tag']},Value={keys[0]}"]
    record = shlex.join(["aws", "ec2", "create-tags", "--region", region, *tag])
    forget = shlex.join(["ssh-keygen", "-R", options["instance_id"], "-f", options["known_hosts"]])
    return (
        f"verify on the server, in the EC2 serial console or an open session, that it has {fingerprint(keys[0])}: "
        "cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -. If it has, record the new key, in every clone that refuses the "
        f"server: {record} && {forget}"
    )


def refusal(
    options: dict[str, Any], region: str, known: list[str], aws: list[str], answering: list[str]
) -> str:
    """Return the message that the keys of one instance differ, with the fix; ``aws`` are those of its tag or console."""
    instance_id = options["instance_id"]
    strange = answering and not set(known) & set(answering)
    problem = f"The server that answers at {options['address']} {'is not' if strange else 'may not be'} {instance_id}"
    sources = {options["known_hosts"]: known, "the instance's tag or console": aws, "the address": answering}
    keys = "; ".join(f"{name}: {', '.join(map(fingerprint, keys))}" for name, keys in sources.items() if keys)
    return (
        f"{problem}. Its host keys, {keys}. Nothing was sent to that server. In the EC2 console, look up the address's instance "
        f"and the host keys in its system log. If you changed the server's key on purpose, {acceptance(options, region, answering)}"
    )


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options, path = module.params, Path(module.params["known_hosts"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    known, aws = known_keys(path, options["instance_id"]), keys_in(options["tagged"])
    source, changed = "known_hosts", False
    try:
        if aws and not known:
            source, known = "tag", aws
            keep(path, options["instance_id"], aws[0])
        # Also for a known key: a check run keeps it and writes no tag.
        if not aws:
            client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff(retries=8))
            aws = console_keys(client, options, wait=not known)
            key = next((key for key in aws if key in (known or aws)), "")
            changed = bool(key)
            if changed and not module.check_mode:
                tags = [{"Key": options["tag"], "Value": key}]
                client.create_tags(Resources=[options["instance_id"]], Tags=tags)
            if key and not known:
                source, known = "console", [key]
                # After the tag: a run that is killed in between leaves the key to all clones.
                keep(path, options["instance_id"], key)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(
            error, msg=f"The host key of {options['instance_id']} cannot be looked up or stored"
        )
    except OSError as error:
        module.fail_json(msg=f"{path} cannot be read or written: {error}")
    if not known:
        message = (
            f"The host key of {options['instance_id']} was unknown: neither a tag {options['tag']} nor its console had it. The "
            f"first connection to {options['address']} accepted the server's key and saved it in {path}."
        )
        module.exit_json(changed=False, source="first connection", last_lines=[message])
    answering = scan(module, options["address"], options["port"])
    # The first connection may have accepted another server's key, before the tag or the console had the right one.
    if (aws and not set(known) & set(aws)) or (answering and not set(known) & set(answering)):
        module.fail_json(msg=refusal(options, module.region, known, aws, answering))
    module.exit_json(changed=changed, source=source, last_lines=[])


if __name__ == "__main__":
    main()
