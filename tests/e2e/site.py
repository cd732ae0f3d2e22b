"""Runs the playbooks and the tests' own local cloud, as a person at a shell would."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import boto3
import yaml

import iam
from iam import usage

ROOT = Path(__file__).parents[2]
# "make rehearsal" names another one.
INVENTORY = os.environ.get("TABLE_ORDER_TEST_INVENTORY", "tests/inventory")
CLOUD = yaml.safe_load((ROOT / INVENTORY / "00-cloud.yml").read_text())
TARGET = iam.target(ROOT / INVENTORY)
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What a playbook's run printed and did."""

    output: str
    status: int
    seconds: float

    @property
    def changed(self) -> int:
        """Number of changed tasks, over all hosts."""
        return sum(int(match[3]) for match in RECAP.finditer(self.output))

    @property
    def changes(self) -> list[str]:
        """The tasks that changed something, for a message."""
        found, task = [], ""
        for line in self.output.splitlines():
            if line.startswith("TASK ["):
                task = line
            elif line.startswith("changed:"):
                found.append(f"{task.strip('* ')} {line}")
        return found

    def check(self) -> Run:
        """Fail with the end of the output unless the run succeeded."""
        assert self.status == 0, (
            f"exit status {self.status} after {self.seconds:.0f} s:\n{self.output[-6000:]}"
        )
        return self


def environment(**variables: str) -> dict[str, str]:
    """Return a new shell's environment: nothing exported, but what is given."""
    kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "PIP_CERT", "CONTAINERS_CONF", "TERM")
    # The operating system of the tests' server, tests/inventory.
    kept += ("TABLE_ORDER_TEST_SERVER",)
    shell = {name: os.environ[name] for name in kept if name in os.environ}
    return shell | {"PATH": f"{ROOT}/.venv/bin:{shell['PATH']}", "ANSIBLE_NOCOLOR": "1"} | variables


def kill(process: int) -> None:
    """Kill a process and all its descendants: Ansible's workers have their own sessions."""
    os.kill(process, signal.SIGSTOP)  # or it could start more of them meanwhile
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    os.kill(process, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            kill(int(child))


@contextlib.contextmanager
def started(
    *arguments: str,
    inventory: str = INVENTORY,
    before: Sequence[str] = (),
    output: int | IO[str] = subprocess.PIPE,
    **variables: str,
) -> Iterator[subprocess.Popen[str]]:
    """Start ``ansible-playbook``; ``before`` is a command that runs it, such as nice, ``variables`` are its environment's."""
    with recorded(arguments) as noting:
        yield subprocess.Popen(
            [*before, "ansible-playbook", *(["-i", inventory] if inventory else []), *arguments],
            cwd=ROOT,
            env=environment(**noting, **variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )


def play(
    *arguments: str,
    inventory: str = INVENTORY,
    timeout: float = 1500,
    before: Sequence[str] = (),
    **variables: str,
) -> Run:
    """Run ``ansible-playbook`` (see ``started``) and return what it printed; kill it after ``timeout`` seconds."""
    begun = time.monotonic()
    with started(*arguments, inventory=inventory, before=before, **variables) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill(process.pid)
            output, _ = process.communicate()
        return Run(output, process.returncode, time.monotonic() - begun)


@contextlib.contextmanager
def recorded(arguments: Sequence[str]) -> Iterator[dict[str, str]]:
    """Have the cloud note what a run of ansible-playbook uses, by playbook and test; yields what its environment needs."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition("::")[2].rpartition(" (")[0]
    playbook = next(Path(one).name for one in arguments if one.endswith(".yml"))
    mode = " --check" if "--check" in arguments else ""
    # What the inventory asks before the first play; then callbacks/which_playbook.py names the file of each play.
    call("PUT", "/local-cloud/run", f"{playbook}{mode} | {test}")
    try:
        yield {
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/e2e/callbacks"),
            "TABLE_ORDER_TEST_RUN": f"{CLOUD['endpoint']}/local-cloud/run",
            "TABLE_ORDER_TEST": test,
        }
    finally:
        call("PUT", "/local-cloud/run", "")


def cloud(action: str) -> None:
    """Start or stop the tests' local cloud."""
    command = [sys.executable, "-m", "local_cloud", action, "--settings", f"{INVENTORY}/00-cloud.yml"]
    if os.getuid() != 0:
        command = ["sudo", "--preserve-env=CONTAINERS_CONF", *command]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=300)


def fresh_cloud(**delays: float) -> None:
    """Begin with an empty account but for what its administrator makes; ``delays`` are seconds for database, cache and server."""
    cloud("stop")
    cloud("start")
    administer()
    if delays:
        call("PUT", "/local-cloud/delays", delays)


def administer() -> None:
    """Do the administrator's part: make the role's boundary, and give each playbook the policies that README names for it."""
    aws("iam").create_policy(
        PolicyName=TARGET.title(iam.BOUNDARY), PolicyDocument=json.dumps(iam.render(iam.BOUNDARY, TARGET))
    )
    numbers = {
        playbook: [iam.POLICIES.index(policy) for policy in policies]
        for playbook, policies in usage.named(usage.README.read_text()).items()
    }
    # A check run without policies of its own has its playbook's.
    runs = {f"{playbook} --check": its for playbook, its in numbers.items()} | numbers
    policies = [iam.render(policy, TARGET) for policy in iam.POLICIES]
    call("PUT", "/local-cloud/policies", {"policies": policies, "runs": runs})


def permissions() -> dict[str, Any]:
    """Return the operator's actions since ``administer``, and all refused calls.

    ``used`` has, for each run ("playbook | test") and action, which policies allow it, a list for each kind of its calls.
    """
    found = json.loads(call("GET", "/local-cloud/policies"))
    found["used"] = {
        run: {
            action: [[iam.POLICIES[number] for number in kind] for kind in kinds]
            for action, kinds in actions.items()
        }
        for run, actions in found["used"].items()
        if run
    }
    return found


def call(method: str, path: str, value: object = None) -> bytes:
    """Ask the local cloud something that AWS has not."""
    body = None if value is None else json.dumps(value).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(CLOUD["endpoint"] + path, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def order_stops(calls: Iterable[str] = ()) -> None:
    """Have the operator's run held at these writing calls, and all of them counted from now on."""
    call("PUT", "/local-cloud/stops", list(calls))


def stops() -> dict[str, Any]:
    """Return the writing calls that were ``made`` since ``order_stops``, and the one that is ``held``."""
    return json.loads(call("GET", "/local-cloud/stops"))


def start_recording() -> None:
    """Record every request from now on, and forget the earlier ones."""
    call("POST", "/moto-api/recorder/reset-recording")
    call("POST", "/moto-api/recorder/start-recording")


def stop_recording(path: Path) -> Path:
    """Save the requests since ``start_recording`` to ``path``."""
    call("POST", "/moto-api/recorder/stop-recording")
    path.write_bytes(call("GET", "/moto-api/recorder/download-recording"))
    return path


def aws(service: str) -> Any:
    """Return a client of the local cloud, as an operator who looks after the playbooks would have."""
    return boto3.client(
        service,
        endpoint_url=CLOUD["endpoint"],
        region_name=CLOUD["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def secrets() -> dict[str, dict[str, str]]:
    """Return the service's secrets by name."""
    client = aws("secretsmanager")
    # Bystanders have others.
    names = [
        one["Name"]
        for one in client.list_secrets()["SecretList"]
        if one["Name"].startswith(f"{TARGET.name}/")
    ]
    return {name: json.loads(client.get_secret_value(SecretId=name)["SecretString"]) for name in names}


def parameters(path: str) -> list[dict[str, Any]]:
    """Return the parameters below a path."""
    pages = aws("ssm").get_paginator("get_parameters_by_path").paginate(Path=path)
    return [parameter for page in pages for parameter in page["Parameters"]]


OURS = [{"Name": "tag:Name", "Values": [f"{TARGET.name}-*"]}]


def inventory_of_resources() -> dict[str, Any]:
    """Count what there must be exactly one of, and say which secrets exist in which version."""
    states = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    reservations = aws("ec2").describe_instances(Filters=states)["Reservations"]
    client = aws("secretsmanager")
    return {
        "vpcs": len([v for v in aws("ec2").describe_vpcs()["Vpcs"] if not v["IsDefault"]]),
        "gateways": len(aws("ec2").describe_internet_gateways(Filters=OURS)["InternetGateways"]),
        "servers": sum(len(reservation["Instances"]) for reservation in reservations),
        "addresses": len(aws("ec2").describe_addresses()["Addresses"]),
        "databases": len(aws("rds").describe_db_instances()["DBInstances"]),
        "caches": len(aws("elasticache").describe_replication_groups()["ReplicationGroups"]),
        "buckets": len(aws("s3").list_buckets()["Buckets"]),
        "secrets": {
            secret["Name"]: len(client.list_secret_version_ids(SecretId=secret["Name"])["Versions"])
            for secret in client.list_secrets()["SecretList"]
        },
    }


ONE_OF_EVERYTHING = {
    "vpcs": 1,
    "gateways": 1,
    "servers": 1,
    "addresses": 1,
    "databases": 1,
    "caches": 1,
    "buckets": 1,
    "secrets": {
        f"{TARGET.name}/{name}": 1 for name in ("rds/master", "rds/owner", "app/database", "app/settings")
    },
}


def left_over() -> dict[str, list[str]]:
    """Name what the service has in the account, by kind; empty kinds are left out."""
    ec2, iam = aws("ec2"), aws("iam")
    found = {
        "vpcs": [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]],
        "groups": [
            group["GroupName"]
            for group in ec2.describe_security_groups()["SecurityGroups"]
            if group["GroupName"] != "default"
        ],
        "images of the server": [one["Name"] for one in ec2.describe_images(Owners=["self"])["Images"]],
        "key pairs": [pair["KeyName"] for pair in ec2.describe_key_pairs()["KeyPairs"]],
        "roles": [role["RoleName"] for role in iam.list_roles()["Roles"]],
        "profiles": [one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]],
        "alarms": [one["AlarmName"] for one in aws("cloudwatch").describe_alarms()["MetricAlarms"]],
        "topics": [topic["TopicArn"] for topic in aws("sns").list_topics()["Topics"]],
        "buckets": [bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]],
        "secrets": [one["Name"] for one in aws("secretsmanager").list_secrets()["SecretList"]],
        "logs": [one["logGroupName"] for one in aws("logs").describe_log_groups()["logGroups"]],
        "snapshots": [
            one["DBSnapshotIdentifier"]
            for one in aws("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        ],
        "subnet groups": [
            *(one["DBSubnetGroupName"] for one in aws("rds").describe_db_subnet_groups()["DBSubnetGroups"]),
            *(
                one["CacheSubnetGroupName"]
                for one in aws("elasticache").describe_cache_subnet_groups()["CacheSubnetGroups"]
                if one["CacheSubnetGroupName"] != "default"
            ),
        ],
    }
    counted = inventory_of_resources()
    found |= {
        name: ["some"] * counted[name] for name in ("gateways", "servers", "addresses", "databases", "caches")
    }
    return {kind: names for kind, names in found.items() if names}


def public_address() -> str:
    """Return the address that customers use."""
    return aws("ec2").describe_addresses()["Addresses"][0]["PublicIp"]


def url() -> str:
    """Return the site's URL: over HTTPS, because HTTP leads there."""
    return f"https://{public_address()}"


def instance() -> str:
    """Return the server's id."""
    return aws("ec2").describe_addresses()["Addresses"][0]["InstanceId"]
