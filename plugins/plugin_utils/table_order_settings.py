# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role table_order accepts beyond its specification, and the names that are not its settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from .account_cost import assumption_problems
from .settings import Table, integer, pattern, sentence, shown, variable
from .status import limit_problems

LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"


def environment(table_order_environment: str) -> Iterator[str]:
    """Find an environment whose name cannot be a part of AWS's names."""
    if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", str(table_order_environment)):
        accepted = "a lower-case letter, then at most 11 lower-case letters or digits, since it becomes part of names"
        name = "table_order_environment (environment in 00-cloud.yml of the inventory)"
        yield sentence(name, table_order_environment, accepted)


def https(
    table_order_environment: str,
    table_order_host_name: str,
    table_order_self_signed: bool,
    table_order_plain_http: bool,
    nginx_tls_certificate_file: str = "",
    nginx_redirect_http: bool = True,
) -> Iterator[str]:
    """Find a certificate without a host name, a service without a trusted certificate, and passwords over HTTP."""
    if nginx_tls_certificate_file and not table_order_host_name:
        accepted = f"the host name of nginx_tls_certificate_file ({nginx_tls_certificate_file}), such as shop.example.org"
        yield sentence("table_order_host_name", table_order_host_name, accepted)
    if not nginx_tls_certificate_file and not boolean(table_order_self_signed):
        yield (
            f"nginx_tls_certificate_file is empty, so the server of {table_order_environment} would use a self-signed "
            "certificate. Set nginx_tls_certificate_file and nginx_tls_key_file to the certificate of your host name and "
            "table_order_host_name to that name. Or accept warnings in your guests' browsers: table_order_self_signed: true"
        )
    # The pages of administrators carry passwords. A load balancer also connects over HTTPS.
    for name, value, clear in (
        ("table_order_plain_http", table_order_plain_http, True),
        ("nginx_redirect_http", nginx_redirect_http, False),
    ):
        if table_order_environment != "local" and boolean(value, strict=False) is clear:
            yield (
                f"{name} is {shown(value)}, so the server of {table_order_environment} would accept passwords over HTTP. Only the "
                "environment local may: remove the setting."
            )


def application_secrets(
    table_order_application_secrets: Mapping[str, str],
    table_order_application_environment: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Find a variable of the application that is given twice."""
    twice = table_order_application_secrets.keys() & (table_order_application_environment or {})
    for name in sorted(twice):
        yield (
            f"{name} is in table_order_application_secrets and in table_order_application_environment. Remove it from one of them."
        )


def tags(
    ansible_run_tags: list[str], ansible_skip_tags: list[str], __table_order_run_tags: list[str]
) -> Iterator[str]:
    """Find tags that no task has."""
    known = {*__table_order_run_tags, "all", "always", "never", "tagged", "untagged"}
    if unknown := [tag for tag in (*ansible_run_tags, *ansible_skip_tags) if tag not in known]:
        yield (
            f"--tags or --skip-tags contains {', '.join(unknown)}. No task has this tag, so the run would do nothing. Accepted: "
            f"{', '.join(__table_order_run_tags)}."
        )


def cost_assumptions(table_order_cost_assumptions: Mapping[str, Any]) -> Iterator[str]:
    """Find assumptions about the cost that are unknown, or no numbers."""
    yield from assumption_problems(table_order_cost_assumptions, "table_order_cost_assumptions.")


def status_limits(table_order_status_limits: Mapping[str, Any]) -> Iterator[str]:
    """Find limits of the status that are unknown, or no numbers."""
    yield from limit_problems(table_order_status_limits, "table_order_status_limits.")


TABLE = Table(
    {
        "table_order_host_name": pattern(
            rf"|(?=.{{1,64}}\Z){LABEL}([.]{LABEL})+",
            "one lower-case host name of at most 64 characters, such as shop.example.org (other scripts in their xn-- form), or "
            "empty without a host name",
        ),
        "table_order_application_secrets.<name>": variable("RELEASE_ID"),
        "table_order_application_secrets.<value>": pattern(
            r"(?!arn:)[A-Za-z0-9_+=.@-][A-Za-z0-9/_+=.@-]*(:[^\x00-\x1f\x7f]+)?",
            "NAME or NAME:KEY of a secret below app/ of the service's name, such as stripe:api_key for the key api_key of "
            "table-order/app/stripe; no ARN and no value",
        ),
        "table_order_allow_replace": pattern(
            r"|[\w./-]+(,[\w./-]+)*",
            "names of resources with commas between, as scripts/plan shows them; empty for none",
        ),
        "table_order_patch_release": pattern(
            r"|2023[.][0-9]+[.][0-9]{8}",
            "a release of Amazon Linux 2023 by its name, such as 2023.12.20260817, or empty on Debian. latest differs between "
            "servers and days",
        ),
        "table_order_patch_return": pattern(
            r"|latest|ami-[0-9a-f]{8,17}", "the id of an image of the server, latest, or empty for an update"
        ),
        "table_order_lock_lease": integer(1800, 86400, " seconds. Omit the setting for 3600"),
    },
    (environment, https, application_secrets, tags, cost_assumptions, status_limits),
    # For each run that writes nginx's configuration.
    parts={"https": ("table_order_host_name", "table_order_self_signed", "table_order_plain_http")},
    others=(
        # From playbooks/tasks: the plan, and the areas to run.
        "table_order_plan",
        "table_order_areas",
        # From the inventory: the cloud, the connection and values for several roles.
        "table_order_environment",
        "table_order_cloud_name",
        "table_order_region",
        "table_order_account_id",
        "table_order_inventory_problem",
        "table_order_operator_arn",
        "table_order_zones",
        "table_order_instance_id",
        "table_order_host_key",
        "table_order_launch_time",
        "table_order_state_directory",
        "table_order_ssh_user",
        "table_order_ssh_private_key_file",
        "table_order_demo_data",
        "table_order_application_environment",
        "table_order_verify_application",
        # Facts set by the role's look-ups.
        "table_order_network",
        "table_order_security_groups",
        "table_order_secrets",
        # What a procedure tells the entry points begin, end and stop, and what they give.
        "table_order_procedure",
        "table_order_outcome",
        "table_order_stopped",
        "table_order_began",
        "table_order_result",
    ),
    # Somebody may write a secret itself there.
    secrets=("table_order_application_secrets",),
)
