"""The operator's IAM policies, rendered for one inventory."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

DIRECTORY = Path(__file__).resolve().parent
ROOT = DIRECTORY.parent
# The operator's policies, by use; README.md lists the policies of each playbook.
POLICIES = ("plan", "operate", "account", "data", "day_two", "destroy")
# An administrator creates this policy once; the server's role is created and changed only with it.
BOUNDARY = "boundary"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: white space does not count.
MANAGED_POLICY_LIMIT = 6144
MANAGED_POLICIES_PER_USER = 10


class InventoryError(Exception):
    """An unusable inventory; the message names the setting and the fix."""


@dataclass(frozen=True)
class Target:
    """The account, region and environment of the policies."""

    environment: str
    region: str
    account: str

    @property
    def name(self) -> str:
        """The prefix of all names, as table_order_name in roles/table_order/defaults/main.yml."""
        return (
            "table-order"
            if self.environment in ("production", "local")
            else f"table-order-{self.environment}"
        )

    @property
    def boundary(self) -> str:
        """The ARN of the boundary, as aws_security_permissions_boundary has it."""
        return f"arn:aws:iam::{self.account}:policy/{self.name}-server-boundary"

    def title(self, policy: str) -> str:
        """Return the name for a policy in the account."""
        return f"{self.name}-server-boundary" if policy == BOUNDARY else f"{self.name}-{policy}"


def target(inventory: Path, account: str = "") -> Target:
    """Read an inventory's 00-cloud.yml; ``account`` is used if the file has none. Raises InventoryError."""
    path = inventory / "00-cloud.yml"
    if not path.is_file():
        known = ", ".join(sorted(one.parent.name for one in ROOT.glob("inventories/*/00-cloud.yml")))
        raise InventoryError(f"There is no {path}. Use one of these inventories, or a path: {known}.")
    cloud = yaml.safe_load(path.read_text(encoding="utf-8"))
    account = str(cloud.get("account") or account)
    if not re.fullmatch(r"\d{12}", account):
        raise InventoryError(
            f"account in {path} is '{account}': the policies need the account, 12 digits. Set it there, or pass "
            "--account. The account of your credentials: aws sts get-caller-identity --query Account"
        )
    return Target(cloud["environment"], cloud["region"], account)


def render(policy: str, about: Target) -> dict[str, Any]:
    """Return one policy as a document."""
    text = (DIRECTORY / f"{policy}.json.j2").read_text(encoding="utf-8")
    values = {
        "environment": about.environment,
        "region": about.region,
        "account": about.account,
        "name": about.name,
        "boundary": about.boundary,
    }
    # The result is JSON, not HTML.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    return json.loads(environment.from_string(text).render(values))


def size(document: dict[str, Any]) -> int:
    """Return a policy's size as AWS counts it, in characters without white space."""
    return len("".join(json.dumps(document).split()))
