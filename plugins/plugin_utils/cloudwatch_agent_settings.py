# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role cloudwatch_agent accepts beyond its specification."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .settings import DISTINCT, Kind, Table, did_you_mean, integer, path, pattern, sentence

# The agent's placeholders in a stream's name.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-Configuration-File-Details.html
PLACEHOLDERS = ("{instance_id}", "{hostname}", "{local_hostname}", "{ip_address}")
ACCOUNT = pattern(
    r"[a-z_][a-z0-9_-]{0,31}", "a name of at most 32 small letters, digits, _ and -, such as cwagent or adm"
)
GROUP = pattern(
    r"(?!aws/)[A-Za-z0-9._/#-]{1,512}",
    "1 to 512 letters, digits and . _ / # -, and not aws/ at the beginning, such as /aws/ec2/shop",
)
STREAM = pattern(r"[^:*\x00-\x1f\x7f]{1,512}", "1 to 512 characters, but neither : nor *")
A_PATH = "an absolute path without . or .. as a part and without control characters"
PACKAGE = (
    "a package of the system's repository, such as amazon-cloudwatch-agent; or a .deb or .rpm: an https URL, or the absolute path "
    "of a file on the controller"
)

# fmt: off
KINDS = {
    "cloudwatch_agent_region": pattern(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}", "a region of AWS, such as ap-northeast-2"),
    "cloudwatch_agent_user": ACCOUNT,
    "cloudwatch_agent_groups[]": ACCOUNT,
    "cloudwatch_agent_package": pattern(r"(?s).+", PACKAGE),
    "cloudwatch_agent_log_group_prefix": GROUP,
    "cloudwatch_agent_log_directory": path(f"{A_PATH}, such as /srv/shop/logs", signs=""),
    "cloudwatch_agent_log_files": DISTINCT,
    "cloudwatch_agent_log_files[].path": path(f"{A_PATH}, such as /srv/shop/logs/fastapi.log", signs=""),
    "cloudwatch_agent_log_files[].group": GROUP,
    "cloudwatch_agent_log_files[].stream": STREAM,
    "cloudwatch_agent_journals": DISTINCT,
    "cloudwatch_agent_journals[].group": GROUP,
    "cloudwatch_agent_journals[].stream": STREAM,
    "cloudwatch_agent_journals[].units": DISTINCT,
    "cloudwatch_agent_journals[].units[]": pattern(
        r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,255}", "the name of a unit of systemd, such as ssh.service"),
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
    "cloudwatch_agent_metrics_namespace": pattern(
        r"(?!AWS/|:)[A-Za-z0-9._/#:-]{1,255}",
        "1 to 255 letters, digits and . _ / # : -, with neither AWS/ nor : at the beginning, such as CWAgent"),
    "cloudwatch_agent_metrics_interval": integer(
        1, 172800, ", in seconds. Below 60 they are charged as high-resolution metrics"),
    # The agent itself refuses unknown kinds; each of its releases adds some.
    "cloudwatch_agent_metrics.<name>": pattern(r"[a-z_]+", "a kind of metric, such as mem"),
    "cloudwatch_agent_metrics.<value>": Kind(
        lambda content: isinstance(content, Mapping | list), "the settings of the kind, such as {measurement: [mem_used_percent]}"),
}
# fmt: on


def package(cloudwatch_agent_package: str) -> Iterator[str]:
    """Find a package that is neither a name nor a URL nor a file."""
    name, accepted = cloudwatch_agent_package, ""
    file = bool(re.search(r"(?i)[.](deb|rpm)$", name))
    if re.match(r"(?i)[a-z]+://", name):
        if not re.fullmatch(r"(?i)https://[^\s/]+/\S*[.](deb|rpm)", name):
            accepted = PACKAGE
        elif "@" in name:
            accepted = (
                "a URL without credentials, since logs would show the credentials. Download the file to the controller, and set "
                "its path"
            )
        elif not re.fullmatch(r"[A-Za-z0-9._+~%-]+", name.rpartition("/")[2]):
            accepted = "a file name of letters, digits and . _ + ~ % - in the URL"
    elif "/" in name or file:
        if not file or not KINDS["cloudwatch_agent_log_directory"].accepts(name):
            accepted = PACKAGE
        elif not Path(name).is_file() or not os.access(name, os.R_OK):
            accepted = (
                "a readable file on the controller. Correct the path, or build the package first: "
                "packages/cloudwatch-agent-stand-in/build"
            )
    elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+_~:=-]*", name):
        accepted = PACKAGE
    if accepted:
        yield sentence("cloudwatch_agent_package", name, accepted)


def placeholders(
    cloudwatch_agent_log_files: list[Mapping[str, Any]], cloudwatch_agent_journals: list[Mapping[str, Any]]
) -> Iterator[str]:
    """Find placeholders that the agent does not know."""
    for entry in (*cloudwatch_agent_log_files, *cloudwatch_agent_journals):
        for placeholder in re.findall(r"\{[^{}]*\}", entry["stream"]):
            if placeholder not in PLACEHOLDERS:
                setting = "cloudwatch_agent_log_files" if "path" in entry else "cloudwatch_agent_journals"
                advice = did_you_mean(placeholder, PLACEHOLDERS, f"Accepted: {', '.join(PLACEHOLDERS)}.")
                yield f"{setting} sends to the stream '{entry['stream']}'. The agent does not know {placeholder}. {advice}"


def work(
    cloudwatch_agent_state: str,
    cloudwatch_agent_log_files: list[Any],
    cloudwatch_agent_journals: list[Any],
    cloudwatch_agent_metrics: Mapping[str, Any],
) -> Iterator[str]:
    """Find metrics without a measurement, and an agent with nothing to send."""
    for kind in ("cpu", "disk", "mem", "swap"):
        content = cloudwatch_agent_metrics.get(kind, {"measurement": ["x"]})
        measured = content.get("measurement") if isinstance(content, Mapping) else None
        if not measured or not isinstance(measured, list):
            yield f"cloudwatch_agent_metrics.{kind} has no list measurement. Add at least one, such as used_percent."
    work = (cloudwatch_agent_log_files, cloudwatch_agent_journals, cloudwatch_agent_metrics)
    if cloudwatch_agent_state == "present" and not any(work):
        yield (
            "cloudwatch_agent_log_files, cloudwatch_agent_journals and cloudwatch_agent_metrics are all empty. Set at least one of "
            "them, or omit the role."
        )


TABLE = Table(KINDS, [package, placeholders, work])
