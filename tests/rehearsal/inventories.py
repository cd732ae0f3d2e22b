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

from local_cloud.certificates import Authority

ROOT = Path(__file__).parents[2]
# Whose inventory, and whether elsewhere: another region, other ports, and a certificate for a host name.
FORMS = {
    "production": ("production", False),
    "staging": ("staging", False),
    "production-elsewhere": ("production", True),
    "staging-elsewhere": ("staging", True),
}
REGION = "eu-central-1"
HOST_NAME = "orders.example.org"
# Each differs from its default, and from what inventories/shared/site.yml derives.
PORTS = {
    "nginx_http_port": 8080,
    "nginx_https_port": 8443,
    "fastapi_app_port": 8100,
    "aws_database_port": 5440,
    "aws_cache_port": 6390,
}
PORT = 5002


def write(form: str, state: Path = ROOT / ".state") -> Path:
    """Write the inventory of a form below ``state`` and return its directory.

    Two levels below the project, as the real ones: their group_vars find the project from there.
    """
    environment, elsewhere = FORMS[form]
    directory = state / f"rehearsal-{form}"
    shutil.rmtree(directory, ignore_errors=True)
    real = ROOT / "inventories" / environment
    for file in (path for path in sorted(real.rglob("*")) if path.is_file()):
        link = directory / file.relative_to(real)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(file, link.parent))
    cloud_file = directory / "00-cloud.yml"
    cloud_file.unlink()
    values = cloud(real / "00-cloud.yml", REGION if elsewhere else "")
    cloud_file.write_text(yaml.safe_dump(values, sort_keys=False))
    # Not in the inventory's directory, where Ansible reads every file.
    secrets = state / "rehearsal" / form
    shutil.rmtree(secrets, ignore_errors=True)
    secrets.mkdir(mode=0o700, parents=True)
    answers = operator(secrets) | (of_elsewhere(secrets) if elsewhere else {})
    if environment == "production" and not elsewhere:
        answers["table_order_self_signed"] = True
    # After main.yml and 00-site.yml, by its name.
    (directory / "group_vars/all/operator.yml").write_text(yaml.safe_dump(answers, sort_keys=False))
    return directory


def cloud(real: Path, region: str = "") -> dict[str, Any]:
    """Return a real inventory's 00-cloud.yml with the endpoint and the account of a local cloud, and another region."""
    settings = yaml.safe_load(real.read_text())
    account, region = "210987654321", region or settings["region"]
    return {
        **settings,
        "region": region,
        "account": account,
        "endpoint": f"http://127.0.0.1:{PORT}",
        "local_cloud": {
            "name": "rehearsal",
            "container_prefix": "table-order-rehearse",
            "loopback_range": "127.0.30.0/24",
            "port": PORT,
            "account": account,
            "region": region,
        },
    }


def operator(directory: Path) -> dict[str, Any]:
    """Return the README's settings for an operator, and the CA of a local cloud's databases."""
    key = directory / "table-order-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return {
        "aws_security_ssh_cidrs": ["127.0.0.1/32"],
        "aws_compute_public_key_file": f"{key}.pub",
        "aws_monitoring_notification_email": "oncall@example.com",
        "fastapi_app_database_ca_url": f"http://127.0.0.1:{PORT}/local-cloud/database-ca.pem",
    }


def of_elsewhere(directory: Path) -> dict[str, Any]:
    """Return non-default ports, and a host name with a certificate of a local CA."""
    authority = Authority("Rehearsal")
    issued = authority.issue([HOST_NAME])
    files = {
        "table_order_authority_file": ("authority.pem", authority.pem),
        "nginx_tls_certificate_file": ("site.pem", issued.certificate),
        "nginx_tls_key_file": ("site.key", issued.key),
    }
    for name, content in files.values():
        (directory / name).write_bytes(content)
    paths = {setting: str(directory / name) for setting, (name, _) in files.items()}
    return {"table_order_host_name": HOST_NAME, **paths, **PORTS}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("form", choices=FORMS)
    print(write(parser.parse_args().form).relative_to(ROOT))
