# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""A filter that finds invalid settings of the agent or of CloudWatch before any change on the host."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
# The agent's placeholders in a stream's name.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-Configuration-File-Details.html
PLACEHOLDERS = ("{instance_id}", "{hostname}", "{local_hostname}", "{ip_address}")
GROUP = r"(?!aws/)[A-Za-z0-9._/#-]{1,512}"
GROUP_ACCEPTED = "1 to 512 letters, digits and . _ / # -, and not aws/ at the beginning"
ACCOUNT = r"[a-z_][a-z0-9_-]{0,31}"
ACCOUNT_ACCEPTED = "a name of at most 32 small letters, digits, _ and -"

TEXTS: dict[str, tuple[str, str]] = {
    "cloudwatch_agent_state": (r"present|absent", "present or absent"),
    "cloudwatch_agent_region": (
        r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}",
        "a region of AWS, such as ap-northeast-2",
    ),
    "cloudwatch_agent_user": (ACCOUNT, f"{ACCOUNT_ACCEPTED}, such as cwagent"),
    "cloudwatch_agent_log_group_prefix": (GROUP, f"{GROUP_ACCEPTED}, such as /aws/ec2/table-order"),
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
    "cloudwatch_agent_metrics_namespace": (
        r"(?!AWS/|:)[A-Za-z0-9._/#:-]{1,255}",
        "1 to 255 letters, digits and . _ / # : -, with neither AWS/ nor : at the beginning, such as CWAgent",
    ),
}
PACKAGE = r"[A-Za-z0-9][A-Za-z0-9.+_~:=-]*"
UNIT = r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,255}"


def _shown(value: object) -> str:
    """Format a value for a message: escape line breaks, hide a URL's password, limit the length."""
    text = re.sub(r"(?s)([a-z+]+://)?.*@", r"\1***@", str(value), count=1)
    return repr(text if len(text) <= 100 else text[:100] + "...")


def _is_path(value: object) -> bool:
    """Return whether the value is an absolute, normalized path without control characters; any letter is allowed."""
    return (
        isinstance(value, str)
        and re.fullmatch(r"/[^\x00-\x1f\x7f]{1,4095}", value) is not None
        and not {".", "..", ""} & set(value[1:].split("/"))
    )


def _package_problems(value: object) -> Iterator[str]:
    name = "cloudwatch_agent_package"
    accepted = (
        "a package of the system's repository, such as amazon-cloudwatch-agent; or a .deb or .rpm: an https URL, or the "
        "absolute path of a file on the controller"
    )
    if not isinstance(value, str) or not value:
        yield f"{name} is {_shown(value)}. Accepted: {accepted}."
    elif re.match(r"(?i)[a-z]+://", value):
        if not re.fullmatch(r"(?i)https://[^\s/]+/\S*[.](deb|rpm)", value):
            yield f"{name} is {_shown(value)}. Accepted: {accepted}."
        elif "@" in value:
            yield (
                f"{name} is {_shown(value)}, a URL with credentials. Logs would show the credentials. Download the file to "
                "the controller, and set its path."
            )
        elif not re.fullmatch(r"[A-Za-z0-9._+~%-]+", value.rsplit("/", 1)[1]):
            yield f"{name} is {_shown(value)}. Accepted: a file name of letters, digits and . _ + ~ % - in the URL."
    elif "/" in value or re.search(r"(?i)[.](deb|rpm)$", value):
        if not _is_path(value) or not re.search(r"(?i)[.](deb|rpm)$", value):
            yield f"{name} is {_shown(value)}. Accepted: {accepted}."
        elif not _can_be_read(value):
            yield (
                f"{name} is {_shown(value)}, not a readable file on the controller. Correct the path, or build the package "
                "first: packages/cloudwatch-agent-stand-in/build"
            )
    elif not re.fullmatch(PACKAGE, value):
        yield f"{name} is {_shown(value)}. Accepted: {accepted}."


def _can_be_read(path: str) -> bool:
    try:
        with Path(path).open("rb"):
            return True
    except OSError:
        return False


def _entries(
    settings: Mapping[str, Any], name: str, required: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[str | Mapping[str, Any]]:
    """Yield the valid entries of a list, and a sentence for each invalid one."""
    value = settings[name]
    known = (*required, *optional)
    if not isinstance(value, list):
        yield f"{name} is {_shown(value)}. Accepted: a list of entries with {', '.join(required)}."
        return
    for number, entry in enumerate(value):
        if not isinstance(entry, Mapping):
            yield f"{name} holds {_shown(entry)}. Accepted: entries with {', '.join(required)}."
            continue
        for key in entry:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                advice = f"Did you mean {near[0]}?" if near else f"Accepted: {', '.join(known)}."
                yield f"{name} has the unknown key {_shown(key)}. {advice}"
        if lacking := [key for key in required if entry.get(key) is None]:
            yield f"{name} has an entry without {' and '.join(lacking)}: {_shown(dict(entry))}. Add the missing key."
            continue
        if entry in value[:number]:
            yield f"{name} holds the entry {_shown(dict(entry))} more than once. Remove the duplicate."
        yield entry


def _destination_problems(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    group, stream = entry["group"], entry["stream"]
    if not isinstance(group, str) or not re.fullmatch(GROUP, group):
        yield f"{name} sends to the group {_shown(group)}. Accepted: {GROUP_ACCEPTED}."
    if not isinstance(stream, str) or not re.fullmatch(r"[^:*\x00-\x1f\x7f]{1,512}", stream):
        yield f"{name} sends to the stream {_shown(stream)}. Accepted: 1 to 512 characters, but neither : nor *."
        return
    for placeholder in re.findall(r"\{[^{}]*\}", stream):
        if placeholder not in PLACEHOLDERS:
            near = difflib.get_close_matches(placeholder, PLACEHOLDERS, n=1)
            advice = f"Did you mean {near[0]}?" if near else f"Accepted: {', '.join(PLACEHOLDERS)}."
            yield f"{name} sends to the stream {_shown(stream)}. The agent does not know {placeholder}. {advice}"


def _log_file_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    name = "cloudwatch_agent_log_files"
    for entry in _entries(settings, name, ("path", "group", "stream"), ()):
        if isinstance(entry, str):
            yield entry
            continue
        if not _is_path(entry["path"]):
            yield (
                f"{name} holds the path {_shown(entry['path'])}. Accepted: an absolute path without . or .. as a part and "
                "without control characters, such as /opt/table-order/logs/fastapi.log."
            )
        yield from _destination_problems(name, entry)


def _journal_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    name = "cloudwatch_agent_journals"
    for entry in _entries(settings, name, ("group", "stream"), ("priority", "units")):
        if isinstance(entry, str):
            yield entry
            continue
        yield from _destination_problems(name, entry)
        if (priority := entry.get("priority", "info")) not in PRIORITIES:
            yield f"{name} has the priority {_shown(priority)}. Accepted: {', '.join(PRIORITIES)}."
        units = entry.get("units", [])
        if not isinstance(units, list) or len(set(map(str, units))) != len(units):
            yield f"{name} has the units {_shown(units)}. Accepted: a list of units, each once, such as [ssh.service]."
            continue
        for unit in units:
            if not isinstance(unit, str) or not re.fullmatch(UNIT, unit):
                yield f"{name} has the unit {_shown(unit)}. Accepted: the name of a unit of systemd, such as ssh.service."


def _metric_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    interval = settings["cloudwatch_agent_metrics_interval"]
    whole = not isinstance(interval, bool) and re.fullmatch(r"[0-9]{1,6}", str(interval))
    if not whole or not 1 <= int(interval) <= 172800:
        yield (
            f"cloudwatch_agent_metrics_interval is {_shown(interval)}. Accepted: 1 to 172800 seconds. Below 60 they are "
            "charged as high-resolution metrics."
        )
    metrics = settings["cloudwatch_agent_metrics"]
    if not isinstance(metrics, Mapping):
        yield (
            f"cloudwatch_agent_metrics is {_shown(metrics)}. Accepted: the agent's metrics_collected, such as "
            "{mem: {measurement: [mem_used_percent]}}; {} sends none."
        )
        return
    for kind, content in metrics.items():
        # The agent itself refuses unknown kinds; each of its releases adds some.
        if (
            not isinstance(kind, str)
            or not re.fullmatch(r"[a-z_]+", kind)
            or not isinstance(content, Mapping | list)
        ):
            yield (
                f"cloudwatch_agent_metrics holds {_shown(kind)}: {_shown(content)}. Accepted: a kind of metric with its "
                "settings, such as mem: {measurement: [mem_used_percent]}."
            )
        elif kind in ("cpu", "disk", "mem", "swap") and not (
            isinstance(content, Mapping)
            and isinstance(content.get("measurement"), list)
            and content["measurement"]
        ):
            yield f"cloudwatch_agent_metrics.{kind} has no list measurement. Add at least one, such as used_percent."


def setting_problems(settings: Mapping[str, Any]) -> list[str]:
    """Find invalid values. ``settings`` holds all settings of the role by name.

    Returns sentences, each with the setting's name, its value, the accepted form and the fix; empty if all are valid.
    """
    if missing := [name for name, value in settings.items() if value is None]:
        return [f"{name} is null. Set a value, or omit the setting for the default." for name in missing]
    problems = [
        f"{name} is {_shown(settings[name])}. Accepted: {accepted}."
        for name, (form, accepted) in TEXTS.items()
        if not (isinstance(settings[name], str) and re.fullmatch(form, settings[name]))
    ]
    if not _is_path(settings["cloudwatch_agent_log_directory"]):
        problems.append(
            f"cloudwatch_agent_log_directory is {_shown(settings['cloudwatch_agent_log_directory'])}. Accepted: an absolute "
            "path without . or .. as a part, such as /opt/table-order/logs."
        )
    groups = settings["cloudwatch_agent_groups"]
    if not isinstance(groups, list):
        problems.append(
            f"cloudwatch_agent_groups is {_shown(groups)}. Accepted: a list of groups, such as [adm]."
        )
    else:
        problems += [
            f"cloudwatch_agent_groups holds {_shown(group)}. Accepted: {ACCOUNT_ACCEPTED}, such as adm."
            for group in groups
            if not (isinstance(group, str) and re.fullmatch(ACCOUNT, group))
        ]
    problems += _package_problems(settings["cloudwatch_agent_package"])
    # A wrong prefix or directory is in every default entry; its own sentence is enough.
    if not problems:
        problems += [*_log_file_problems(settings), *_journal_problems(settings)]
    problems += _metric_problems(settings)
    work = ("cloudwatch_agent_log_files", "cloudwatch_agent_journals", "cloudwatch_agent_metrics")
    if settings["cloudwatch_agent_state"] == "present" and not any(settings[name] for name in work):
        problems.append(
            f"{', '.join(work[:2])} and {work[2]} are all empty. Set at least one of them, or omit the role."
        )
    return problems


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"cloudwatch_agent_setting_problems": setting_problems}
