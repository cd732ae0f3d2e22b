# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Inventory plugin that pins a run to one cloud, before any other plugin or module."""

from __future__ import annotations

DOCUMENTATION = """
name: table_order_cloud
short_description: Pins a run to one cloud, and adds its servers and the hosts of the AWS plays
description:
  - Reads C(00-cloud.yml), the first file of an inventory directory in sort order, and sets the AWS
    environment of this process accordingly. Inventory plugins, modules and lookups inherit it, so that
    none of them can reach another cloud.
  - With O(endpoint) the run uses a local cloud. The plugin drops every C(AWS_*) and C(EC2_*) variable of the shell.
  - Without O(endpoint) the run uses AWS. The plugin refuses any endpoint override, in the environment or in the AWS
    configuration file, and checks the credentials once, with sts:GetCallerIdentity.
  - Adds the group C(aws) with one host for each parallel lane of work on the controller.
  - Adds the group C(app_server) with the running instances that have the tags C(Project) (C(table-order)), C(Environment)
    (O(environment)) and C(Role) (C(app-server)), by their names. Instances with the same name have their ID behind it. Sets
    C(ansible_host), the public address, and C(table_order_instance_id), C(table_order_host_key) and C(table_order_launch_time).
  - A look-up that fails ends the run with its reason. Reloaded in the middle of a run, the inventory then stays as it was, and
    C(table_order_inventory_problem) has the reason.
  - Sets C(table_order_environment), C(table_order_cloud_name), C(table_order_region), C(table_order_account_id),
    C(table_order_operator_arn) and C(table_order_zones), the zones available to this account, for all hosts.
options:
  plugin:
    description: Marks a file as a configuration of this plugin.
    required: true
    choices: [table_order.infra.table_order_cloud, table_order_cloud]
  environment:
    description: Name of the environment, and value of every resource's tag C(Environment).
    required: true
    type: str
  region:
    description: AWS region.
    required: true
    type: str
  account:
    description:
      - The only account for this inventory.
      - Empty accepts the account of the credentials, except in the environment C(production), which requires an account.
    type: str
    default: ""
  endpoint:
    description: Address of the local cloud. Empty means AWS.
    type: str
    default: ""
  local_cloud:
    description: Settings of the local cloud that C(make cloud) starts for this inventory. Only the local cloud reads them.
    type: dict
    default: {}
"""

import difflib
import json
import os
import re
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleParserError
from ansible.module_utils.urls import open_url
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import trust_as_template
from ansible.utils.display import Display

display = Display()

LANES = ("network", "account", "compute", "data")
"""Hosts on the controller. The tasks of one run in order; a play of several, as in destroy.yml, runs them in parallel."""

# The callback warm_python may set another one.
INTERPRETER = "{{ lookup('ansible.builtin.env', 'TABLE_ORDER_PYTHON', default=ansible_playbook_python) }}"
# Every module of the run has them. A call that AWS throttles or does not answer is repeated for half a minute.
RETRIES = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "6"}
# The exit status of a run that has not begun, as Ansible has it.
FAILED = 1
# The variables of all hosts, and the servers with theirs.
Seen = tuple[dict[str, Any], dict[str, dict[str, str]]]
SEEN: dict[str, Seen] = {}
"""By the path of an inventory, for "meta: refresh_inventory"."""
ENDPOINT_VARIABLES = ("AWS_URL", "EC2_URL", "S3_URL", "RDS_URL", "AWS_S3_URL")


class InventoryModule(BaseInventoryPlugin):
    """Sets the process's AWS environment, then describes the controller's lanes."""

    NAME = "table_order.infra.table_order_cloud"
    # The second one is how inventories name it that are older than the collection.
    NAMES = (NAME, "table_order_cloud")

    def verify_file(self, path: str) -> bool:
        """Accept only the file that sorts before every other inventory source."""
        return super().verify_file(path) and os.path.basename(path) == "00-cloud.yml"  # noqa: PTH119

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: ANN401
        """Describe the cloud. If that is impossible, end the run with the reason.

        Ansible would go on with the other inventory plugins, and bury the reason below what they say about the file.
        """
        super().parse(inventory, loader, path, cache)
        try:
            self.describe(inventory, path)
        except AnsibleParserError as error:
            display.error(str(error.args[0]))
            raise SystemExit(FAILED) from None

    def describe(self, inventory: Any, path: str) -> None:  # noqa: ANN401
        """Add what the cloud has to the inventory: the variables of all hosts, the group ``aws`` and the servers."""
        if "aws" in inventory.groups:
            raise AnsibleParserError(
                f"{path} is the second inventory of this run with a cloud, but one process uses only one cloud. Select one with -i."
            )
        problem = ""
        try:
            SEEN[path] = self.look_up(path)
        except AnsibleParserError as error:
            # In the middle of a run: what stops it has to be told, and its locks released, without AWS as well.
            if path not in SEEN:
                raise
            problem = str(error.args[0])
            display.warning(f"The inventory is that of the beginning of the run. {problem}")
        variables, found = SEEN[path]
        for name, value in {**variables, "table_order_inventory_problem": problem}.items():
            inventory.set_variable("all", name, value)
        inventory.add_group("aws")
        inventory.set_variable("aws", "ansible_connection", "local")
        inventory.set_variable("aws", "ansible_python_interpreter", trust_as_template(INTERPRETER))
        for lane in LANES:
            inventory.add_host(lane, group="aws")
        # Plays refer to this group even without a server.
        inventory.add_group("app_server")
        for name, server in found.items():
            inventory.add_host(name, group="app_server")
            for variable, value in server.items():
                inventory.set_variable(name, variable, value)

    def look_up(self, path: str) -> Seen:
        """Pin the environment to this inventory's cloud and return what it has. Raises AnsibleParserError with the fix."""
        if not __name__.startswith("ansible_collections."):
            raise AnsibleParserError(
                "The collection table_order.infra is not found. In a checkout run scripts/setup first, from its directory; "
                "elsewhere install it: ansible-galaxy collection install table_order.infra"
            )
        display.vv(f"table_order.infra is the copy at {Path(__file__).resolve().parents[2]}")
        self._redirected_names = [*self.NAMES]
        refuse_settings(self._read_config_data(path), path)
        refuse_a_second_list(path)
        region, endpoint = self.get_option("region"), self.get_option("endpoint")
        account, environment = self.get_option("account"), self.get_option("environment")
        if endpoint:
            pin_to_local_cloud(endpoint, region)
            caller = {"Account": local_account(endpoint), "Arn": "local"}
        else:
            refuse_endpoint_overrides()
            pin_to_aws(region)
            caller = aws_caller(region)
        if not account and not endpoint and environment == "production":
            raise AnsibleParserError(
                f"account in {path} is empty, but production requires its account. The current credentials "
                f'({caller["Arn"]}) belong to the following account; if it is the right one, set:  account: "{caller["Account"]}"'
            )
        if account and caller["Account"] != account:
            raise AnsibleParserError(
                f"This inventory is for AWS account {account} (account in {path}), but the credentials belong to "
                f"account {caller['Account']}. Select the right profile with AWS_PROFILE, or correct the setting."
            )
        variables = {
            "table_order_environment": environment,
            "table_order_cloud_name": self.get_option("local_cloud").get("name", environment),
            "table_order_region": region,
            "table_order_account_id": caller["Account"],
            "table_order_operator_arn": caller["Arn"],
            "table_order_zones": zones(region),
        }
        return variables, servers(region, environment)


def refuse_settings(given: Mapping[str, Any], path: str) -> None:
    """Raise for an unknown setting, since a misspelled one would have no effect, and for an invalid account."""
    known = yaml.safe_load(DOCUMENTATION)["options"]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            advice = f"Did you mean {near[0]}?" if near else f"Accepted: {', '.join(known)}."
            raise AnsibleParserError(f"{name} in {path} is not a setting. {advice}")
    account = given.get("account") or ""
    if not re.fullmatch(r"([0-9]{12})?", str(account)):
        raise AnsibleParserError(
            f"account in {path} is {account!r}. Accepted: the 12 digits of an AWS account, in quotes, such as "
            '"123456789012" (without quotes a zero at its beginning may be lost), or "" for none.'
        )


def refuse_a_second_list(path: str) -> None:
    """Raise if the inventory still has the file that listed the servers before this plugin did."""
    beside = Path(path).with_name("aws_ec2.yml")
    if beside.is_file():
        raise AnsibleParserError(
            f"{beside} lists servers, perhaps of another environment. {path} lists those of its own: delete {beside.name}."
        )


def pin_to_local_cloud(endpoint: str, region: str) -> None:
    """Make ``endpoint`` the only cloud of this process and its children.

    Drops every AWS variable of the shell: some libraries would prefer a real account's profile, token or
    endpoint to the local one.
    """
    for name in list(os.environ):
        if name.startswith(("AWS_", "EC2_")) or name in ENDPOINT_VARIABLES:
            del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        # Ansible hides this word everywhere in its output, so it must be unique.
        "AWS_SECRET_ACCESS_KEY": "no-secret-of-any-account",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"])),
        **RETRIES,
    }


def local_account(endpoint: str) -> str:
    """Return the account id of the local cloud. Raises AnsibleParserError if the cloud does not answer."""
    try:
        with open_url(f"{endpoint}/local-cloud/health", timeout=5, use_proxy=False) as answer:
            return json.load(answer)["account"]
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        raise AnsibleParserError(
            f"The local cloud does not answer at {endpoint} ({error}). Start it with: make cloud. "
            "To use AWS, select an inventory: -i inventories/staging or -i inventories/production."
        ) from error


def refuse_endpoint_overrides() -> None:
    """Raise for a setting that would send an AWS run to an endpoint outside AWS."""
    set_variables = sorted(
        name for name in os.environ if name.startswith("AWS_ENDPOINT_URL") or name in ENDPOINT_VARIABLES
    )
    if set_variables:
        raise AnsibleParserError(
            f"This inventory works on AWS itself, but {', '.join(set_variables)} is set in the environment. "
            f"Remove it with: unset {' '.join(set_variables)}. For the local cloud, use -i inventories/local."
        )
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    session = Session()
    try:
        configuration, profile = session.full_config, session.get_scoped_config()
    except BotoCoreError as error:
        raise AnsibleParserError(f"{error}. Check AWS_PROFILE and ~/.aws/config.") from error
    services = configuration.get("services", {}).get(profile.get("services", ""), {})
    overrides = [profile.get("endpoint_url")]
    overrides += [service.get("endpoint_url") for service in services.values() if isinstance(service, dict)]
    if any(overrides):
        raise AnsibleParserError(
            f"This inventory works on AWS itself, but the AWS profile '{session.profile or 'default'}' sets "
            f"endpoint_url = {next(filter(None, overrides))}. Remove endpoint_url from the configuration file, "
            "or choose another profile with AWS_PROFILE."
        )


def pin_to_aws(region: str) -> None:
    """Set the inventory's region, with priority over the shell and the profile, and the attempts of a call, without."""
    os.environ |= {
        **{name: value for name, value in RETRIES.items() if name not in os.environ},
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }


def aws_caller(region: str) -> dict[str, str]:
    """Return the account and ARN of the credentials. Raises AnsibleParserError with the fix for each failure."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,
        HTTPClientError,
        InvalidRegionError,
        NoCredentialsError,
    )

    options = Config(connect_timeout=10, read_timeout=10, retries={"max_attempts": 2})
    try:
        return boto3.client("sts", region_name=region, config=options).get_caller_identity()
    except NoCredentialsError as error:
        raise AnsibleParserError(
            "No AWS credentials were found. Set AWS_PROFILE to a configured profile, or sign in with: aws sso login."
        ) from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        fix = {
            "ExpiredToken": "The session has expired: sign in again.",
            "ExpiredTokenException": "The session has expired: sign in again.",
            "InvalidClientTokenId": "AWS does not know the access key: check the profile, or create a new key. Or the region "
            f"{region} (region in 00-cloud.yml) is not enabled in the account.",
            "SignatureDoesNotMatch": "The secret key does not belong to the access key, or the clock is wrong.",
        }.get(code, "Check the credentials' permissions.")
        raise AnsibleParserError(f"AWS refused the credentials ({code}). {fix}") from error
    except (ConnectionError, HTTPClientError, InvalidRegionError) as error:
        raise AnsibleParserError(
            f"AWS could not be reached in region {region}: {error}. Check region in 00-cloud.yml, and the network."
        ) from error
    except BotoCoreError as error:
        raise AnsibleParserError(
            f"The AWS credentials cannot be used: {error}. Sign in again (aws sso login), or check AWS_PROFILE and ~/.aws/config."
        ) from error


def unread(what: str, error: Exception, action: str) -> str:
    """Return a sentence about a failed look-up: what to do about AWS's answer, or what to check."""
    from ansible_collections.table_order.infra.plugins.module_utils.aws_errors import known

    _code, advice = known(str(error))
    check = f"Check region in 00-cloud.yml, and that the credentials allow ec2:{action} (scripts/policy)."
    return f"{what} could not be looked up: {str(error).rstrip('.')}. {advice or check}"


def zones(region: str) -> list[str]:
    """Return the names of the region's zones that are available to the account."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = boto3.client("ec2", region_name=region).describe_availability_zones()["AvailabilityZones"]
    except (BotoCoreError, ClientError) as error:
        raise AnsibleParserError(
            unread(f"The zones of region {region}", error, "DescribeAvailabilityZones")
        ) from error
    return sorted(zone["ZoneName"] for zone in found if zone["State"] == "available")


def servers(region: str, environment: str) -> dict[str, dict[str, str]]:
    """Return the variables of the environment's running servers by host name. Raises AnsibleParserError, never returns a part."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    tags = {"Project": "table-order", "Environment": environment, "Role": "app-server"}
    filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
    filters.append({"Name": "instance-state-name", "Values": ["running"]})
    try:
        pages = boto3.client("ec2", region_name=region).get_paginator("describe_instances")
        found = list(pages.paginate(Filters=filters).search("Reservations[].Instances[]"))
    except (BotoCoreError, ClientError) as error:
        raise AnsibleParserError(
            unread(f"The servers in region {region}", error, "DescribeInstances")
        ) from error
    tagged = [(one, {tag["Key"]: tag["Value"] for tag in one["Tags"]}) for one in found]
    names = [tags.get("Name", "") for _dummy, tags in tagged]
    return {host_name(one, tags, names): host_variables(one, tags) for one, tags in tagged}


def host_name(instance: Mapping[str, Any], tags: Mapping[str, str], names: list[str]) -> str:
    """Return the name of one server among ``names``; instances with the same name remain different hosts."""
    name = tags.get("Name", "")
    return name if name and names.count(name) == 1 else f"{name}-{instance['InstanceId']}".lstrip("-")


def host_variables(instance: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of one server. A server that has no public address yet has no C(ansible_host)."""
    found = {
        # SSH's host keys belong to the instance: a replaced server has a new ID, and a moved address is no mismatch.
        "table_order_instance_id": instance["InstanceId"],
        "table_order_host_key": tags.get("HostKey", ""),
        "table_order_launch_time": instance["LaunchTime"].isoformat(),
    }
    address = instance.get("PublicIpAddress")
    return found | ({"ansible_host": address} if address else {})
