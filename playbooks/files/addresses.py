"""Prints the addresses of a site: ``addresses.py INVENTORY``, with the output of ``ansible-inventory --list`` on standard input.

The customer's page needs a table's code for orders. On a local cloud this program reads the demo store's code as the store's
administrator; elsewhere the Tables page shows it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from playbooks.files.verify import Api, CheckError, table_codes
from plugins.inventory.table_order_cloud import pin_to_local_cloud

TABLE = 3
ON_THE_PAGE = "with each table's code: the admin's Tables page"


def site_url(known: dict[str, Any]) -> tuple[str, bool]:
    """Return the site's URL and whether it is plain HTTP: only on this machine, because people log in there."""
    plain = known.get("table_order_plain_http", known["table_order_environment"] == "local")
    host = known.get("table_order_host_name") or known["ansible_host"]
    scheme, setting, usual = ("http", "nginx_http_port", 80) if plain else ("https", "nginx_https_port", 443)
    port = int(known.get(setting, usual))
    return f"{scheme}://{host}{'' if port == usual else f':{port}'}", bool(plain)


def unwrapped(value: dict[str, Any]) -> Any:  # noqa: ANN401
    """Unwrap a string of ``ansible-inventory``, which marks each value that is not a template."""
    return value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else value


def server(listed: dict[str, Any]) -> dict[str, Any]:
    """Return the server's variables, empty if the inventory has no server."""
    hosts = listed.get("app_server", {}).get("hosts", [])
    return listed["_meta"]["hostvars"][hosts[0]] if hosts else {}


def demo_password(inventory: Path, secret: str) -> str:
    """Return the demo administrator's password, which the inventory's local cloud keeps in ``secret``."""
    cloud = yaml.safe_load((inventory / "00-cloud.yml").read_text())
    pin_to_local_cloud(cloud["endpoint"], cloud["region"])
    client = boto3.client("secretsmanager")
    return json.loads(client.get_secret_value(SecretId=secret)["SecretString"])["demo_admin_password"]


def customer(url: str, password: str) -> str:
    """Return the link of a table of the demo store, as its QR code carries it."""
    admin = Api(url)
    admin.log_in("demo-admin", password)
    store = admin.call("GET", "/api/admin/whoami")["store_id"]
    return f"{url}/?store={store}&table={TABLE}#code={table_codes(admin)[TABLE]}"


def addresses(known: dict[str, Any], inventory: Path) -> list[tuple[str, str]]:
    """Return the pages to open, each with its name."""
    url, plain = site_url(known)
    link = ON_THE_PAGE
    if (
        plain
        and known.get("table_order_demo_data")
        and "endpoint" in (inventory / "00-cloud.yml").read_text()
    ):
        try:
            password = demo_password(
                inventory, f"{known.get('table_order_name', 'table-order')}/app/settings"
            )
            link = customer(url, password)
        except (BotoCoreError, ClientError, CheckError, KeyError, ValueError) as error:
            link = f"{ON_THE_PAGE} (reading the code failed: {type(error).__name__})"
    pages = {"Admin": "/admin/", "Superadmin": "/superadmin/", "API": "/api/openapi.json"}
    return [("Customer", link), *((name, url + path) for name, path in pages.items())]


def main() -> None:
    """Read the variables, print the addresses."""
    known = server(json.load(sys.stdin, object_hook=unwrapped))
    if not known:
        sys.exit(f"{sys.argv[1]} has no server. Create it with: ansible-playbook site.yml -i {sys.argv[1]}")
    found = addresses(known, Path(sys.argv[1]))
    print("\n" + "\n".join(f"{name:<12} {address}" for name, address in found))


if __name__ == "__main__":
    main()
