"""Inventories that are staging's or production's but for the cloud they talk to, and what its operator sets.

``python -m tests.rehearsal.inventories production`` writes one below .state and prints where.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("staging", "production")
PORT = 5002


def write(environment: str, state: Path = ROOT / ".state") -> Path:
    """Write the inventory of an environment below ``state`` and return its folder.

    Two levels below the project, as the real ones: their group_vars find the project from there.
    """
    folder = state / f"rehearsal-{environment}"
    shutil.rmtree(folder, ignore_errors=True)
    real = ROOT / "inventories" / environment
    for file in (path for path in sorted(real.rglob("*")) if path.is_file()):
        link = folder / file.relative_to(real)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(file, link.parent))
    cloud_file = folder / "00-cloud.yml"
    cloud_file.unlink()
    cloud_file.write_text(yaml.safe_dump(cloud(real / "00-cloud.yml"), sort_keys=False))
    # Not in the inventory's folder, where Ansible reads every file.
    key = state / "rehearsal/ssh" / f"{environment}-key"
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    answers = yaml.safe_dump(operator(environment, key), sort_keys=False)
    (folder / "group_vars/all/operator.yml").write_text(answers)
    return folder


def cloud(real: Path) -> dict[str, Any]:
    """Return a real inventory's 00-cloud.yml with the endpoint and the account of a local cloud."""
    settings = yaml.safe_load(real.read_text())
    account = "210987654321"
    return {
        **settings,
        "account": account,
        "endpoint": f"http://127.0.0.1:{PORT}",
        "local_cloud": {
            "name": "rehearsal",
            "container_prefix": "table-order-rehearse",
            "loopback_range": "127.0.30.0/24",
            "port": PORT,
            "account": account,
            "region": settings["region"],
        },
    }


def operator(environment: str, key: Path) -> dict[str, Any]:
    """Return what the README has an operator set, and the authority that signs a local cloud's databases."""
    answers: dict[str, Any] = {
        "aws_security_ssh_cidrs": ["127.0.0.1/32"],
        "aws_compute_public_key_file": f"{key}.pub",
        "aws_monitoring_notification_email": "oncall@example.com",
        "fastapi_app_database_ca_url": f"http://127.0.0.1:{PORT}/local-cloud/database-ca.pem",
    }
    if environment == "production":
        answers["table_order_self_signed"] = True
    return answers


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", choices=ENVIRONMENTS)
    print(write(parser.parse_args().environment).relative_to(ROOT))
