"""Runs that change nothing: the site and its playbooks, and where they are installed pyinfra on the same items of the server and
Terraform on the same resources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from tests.e2e import deployment, site

PLAYBOOKS = (
    "site.yml",
    *(f"playbooks/{name}.yml" for name in ("provision", "configure", "deploy", "verify")),
)
PEER = Path(__file__).parent / "peers/server.py"
RESOURCES = Path(__file__).parent / "peers/terraform/main.tf"
# What configure.yml writes, and no secret.
FILES = (
    "/etc/nginx/nginx.conf",
    "/etc/logrotate.d/table-order-nginx",
    "/etc/logrotate.d/table-order-backend",
    "/etc/ssl/certs/rds-ca.pem",
    "/etc/systemd/system/table-order-backend.socket",
    "/etc/systemd/system/table-order-backend.service",
    "/etc/systemd/system/table-order-backend-candidate.service",
    "/etc/tmpfiles.d/table-order-backend.conf",
    "/opt/aws/amazon-cloudwatch-agent/etc/table-order.json",
)


def timed(command: list[str], **variables: str) -> dict[str, Any]:
    """Run a command and return its seconds: on the clock, and of processor time on this machine, the server's not counted."""
    before, begun = os.times(), time.monotonic()
    run = subprocess.run(
        command, cwd=site.ROOT, env=site.environment(**variables), capture_output=True, text=True, check=False
    )
    seconds, after = time.monotonic() - begun, os.times()
    assert run.returncode == 0, f"{' '.join(command)}:\n{run.stdout[-3000:]}{run.stderr[-3000:]}"
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": round(seconds, 1), "cpu_seconds": round(used, 1), "output": run.stdout}


def playbooks() -> dict[str, Any]:
    """Return the times of runs that change nothing, by playbook."""
    result = {}
    for playbook in PLAYBOOKS:
        found = timed(["ansible-playbook", "-i", site.INVENTORY, playbook])
        changed = site.Run(found.pop("output"), 0, 0).changed
        result[playbook] = found | {"changed": changed}
    return result


def pyinfra(directory: Path) -> dict[str, Any]:
    """Return the time of pyinfra's run over the same items of the server; why not, where there is no pyinfra."""
    program = shutil.which("pyinfra")
    if not program:
        return {"skipped": "pyinfra is not on PATH: uv tool install pyinfra"}
    for file in FILES:
        copy = directory / file[1:]
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(deployment.server(f"cat {file}") + "\n")
    key = site.ROOT / f".state/{site.CLOUD['local_cloud']['name']}/ssh/table-order-key"
    command = [program, "--yes", "--sudo", "--ssh-user", "admin", "--ssh-key", str(key)]
    command += ["--data", "ssh_strict_host_key_checking=no", site.public_address(), str(PEER)]
    timed(command, BENCH_FILES=str(directory))
    found = timed(command, BENCH_FILES=str(directory))
    found.pop("output")
    return found


def terraform(directory: Path) -> dict[str, Any]:
    """Return the time of a plan of the same resources on a moto server; why not, where Terraform or its provider is missing.

    moto alone creates no containers, so that the account holds what Terraform has made and nothing else.
    """
    program = shutil.which("terraform")
    if not program:
        return {"skipped": "terraform is not on PATH"}
    directory.mkdir()
    shutil.copy(RESOURCES, directory)
    begin, options = [program, f"-chdir={directory}"], ["-input=false", "-no-color"]
    if subprocess.run([*begin, "init", *options], capture_output=True, check=False).returncode:
        # Without a network: TF_CLI_ARGS_init=-plugin-dir=DIRECTORY.
        return {"skipped": "terraform init failed: its AWS provider cannot be had here"}
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options += [f"-var=endpoint=http://{host}:{port}"]
        # moto gives a replication group no member, which Terraform reads.
        boto3.client(
            "elasticache",
            endpoint_url=f"http://{host}:{port}",
            region_name="ap-northeast-2",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        ).create_cache_cluster(
            CacheClusterId="table-order-redis-001",
            Engine="redis",
            CacheNodeType="cache.t3.micro",
            EngineVersion="7.1.0",
            NumCacheNodes=1,
        )
        timed([*begin, "apply", "-auto-approve", *options])
        found = timed([*begin, "plan", *options])
    finally:
        server.stop()
    return found | {"output": "No changes" if "No changes" in found["output"] else "changes"}


def measure(directory: Path) -> dict[str, Any]:
    """Return the times of runs that change nothing."""
    return playbooks() | {
        "pyinfra, the server's items": pyinfra(directory / "files"),
        "terraform, the resources": terraform(directory / "terraform"),
    }
