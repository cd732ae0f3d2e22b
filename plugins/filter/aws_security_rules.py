# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""A filter that gives the rules of a security group the form of the module that writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

OPTIONS = {
    "IpProtocol": "proto",
    "FromPort": "from_port",
    "ToPort": "to_port",
    "CidrIp": "cidr_ip",
    "SourceSecurityGroupId": "group_id",
    "Description": "rule_desc",
}


def module_rules(
    rules: Iterable[Mapping[str, Any]], ids: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return ``rules``, named as in CloudFormation, with the names of amazon.aws.ec2_security_group.

    ``ids``: the ids of the groups that the rules name; KeyError for a missing one.
    """
    found = [{OPTIONS[name]: value for name, value in rule.items()} for rule in rules]
    return [
        rule | ({"group_id": (ids or {})[rule["group_id"]]} if "group_id" in rule else {}) for rule in found
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"aws_security_rules": module_rules}
