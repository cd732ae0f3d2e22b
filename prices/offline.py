"""An inventory with the settings of another one, but without its cloud: for playbooks that ask AWS nothing (scripts/cost)."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from iam import InventoryError, target

# Any account: it is only a part of names.
ACCOUNT = "123456789012"


def write(inventory: Path, directory: Path) -> Path:
    """Write the inventory into a directory two levels below the checkout, as ``inventory`` is; return its file.

    Raises InventoryError if ``inventory`` has no 00-cloud.yml.
    """
    about = target(inventory, ACCOUNT)
    directory.mkdir(parents=True, exist_ok=True)
    link = directory / "group_vars"
    link.unlink(missing_ok=True)
    link.symlink_to((inventory / "group_vars").resolve())
    variables = {
        "table_order_environment": about.environment,
        "table_order_cloud_name": about.environment,
        "table_order_region": about.region,
        "table_order_account_id": about.account,
        "table_order_operator_arn": "none",
        "table_order_zones": [about.region + zone for zone in "abc"],
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    file = directory / "hosts.yml"
    content = {"all": {"hosts": {"account": {}}, "vars": variables}}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


if __name__ == "__main__":
    try:
        print(write(Path(sys.argv[1]), Path(sys.argv[2])))
    except InventoryError as error:
        sys.exit(f"scripts/cost: {error}")
