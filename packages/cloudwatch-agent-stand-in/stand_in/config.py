"""The agent's JSON configuration: only the keys that the stand-in supports.

The real agent's schema refuses unknown keys in most places. This loader refuses them everywhere, so no key is silently ignored.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

METRICS = {
    "cpu": {"usage_active", "usage_idle", "usage_iowait", "usage_system", "usage_user"},
    "disk": {"free", "total", "used", "used_percent", "inodes_free", "inodes_total", "inodes_used"},
    "mem": {"available", "available_percent", "free", "total", "used", "used_percent"},
    "swap": {"free", "used", "used_percent"},
}
VERSION_FILE = Path(__file__).parents[2] / "bin/CWAGENT_VERSION"
# The first agent with the input journald: https://github.com/aws/amazon-cloudwatch-agent/pull/2121
JOURNALD_SINCE = 300070
PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


class ConfigError(Exception):
    """The configuration is invalid. The message names the key and the reason."""


@dataclass(frozen=True)
class LogFile:
    """A file to follow, and the destination of its lines."""

    path: str
    group: str
    stream: str


@dataclass(frozen=True)
class Journal:
    """Entries of the systemd journal to read, and their destination. No units means all units."""

    group: str
    stream: str
    units: tuple[str, ...] = ()
    priority: str = "debug"


@dataclass(frozen=True)
class Metric:
    """A kind of metric ("disk"), its measurements ("used_percent"), and for disks the mount points."""

    kind: str
    measurements: tuple[str, ...]
    resources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """The settings of the stand-in. Times are in seconds."""

    region: str
    run_as_user: str = "root"
    metrics_interval: int = 60
    flush_interval: int = 5
    namespace: str = "CWAgent"
    files: tuple[LogFile, ...] = ()
    journals: tuple[Journal, ...] = ()
    metrics: tuple[Metric, ...] = ()
    dimensions: dict[str, str] = field(default_factory=dict)


def load(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: if the file is not JSON, lacks a required key, or has an unsupported one.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse(content, VERSION_FILE.read_text() if VERSION_FILE.exists() else "")


def parse(content: object, version: str = "") -> Config:
    """Turn the decoded JSON into a Config, like an agent of ``version``; empty means the newest.

    Raises:
        ConfigError: see load.
    """
    root = _section(content, "", optional=("agent", "logs", "metrics"))
    if "logs" not in root and "metrics" not in root:
        raise ConfigError("neither logs nor metrics are configured")
    agent = _section(
        root.get("agent", {}),
        "agent",
        required=("region",),
        optional=("metrics_collection_interval", "run_as_user", "logfile", "debug", "omit_hostname"),
    )
    logs = _section(root.get("logs", {}), "logs", optional=("logs_collected", "force_flush_interval"))
    metrics = _section(
        root.get("metrics", {}), "metrics", optional=("namespace", "append_dimensions", "metrics_collected")
    )
    release = re.match(r"1\.(\d{6,})", version)
    inputs = ("files",) if release and int(release[1]) < JOURNALD_SINCE else ("files", "journald")
    collected = _section(logs.get("logs_collected", {}), "logs_collected", optional=inputs)
    return Config(
        region=_text(agent["region"], "agent.region"),
        run_as_user=_text(agent.get("run_as_user", "root"), "agent.run_as_user"),
        metrics_interval=_seconds(
            agent.get("metrics_collection_interval", 60), "agent.metrics_collection_interval"
        ),
        flush_interval=_seconds(logs.get("force_flush_interval", 5), "logs.force_flush_interval"),
        namespace=_text(metrics.get("namespace", "CWAgent"), "metrics.namespace"),
        files=tuple(_log_file(item) for item in _collect_list(collected, "files")),
        journals=tuple(_journal(item) for item in _collect_list(collected, "journald")),
        metrics=tuple(_metric(kind, item) for kind, item in metrics.get("metrics_collected", {}).items()),
        dimensions=dict(metrics.get("append_dimensions", {})),
    )


def _log_file(item: object) -> LogFile:
    where = "logs_collected.files.collect_list"
    section = _section(
        item, where, required=("file_path", "log_group_name", "log_stream_name"), optional=("timezone",)
    )
    path = _text(section["file_path"], f"{where}.file_path")
    if not path.startswith("/") or "*" in path:
        raise ConfigError(f"{where}.file_path: '{path}': the stand-in follows one file, by its absolute path")
    return LogFile(path, *_destination(section, where))


def _journal(item: object) -> Journal:
    where = "logs_collected.journald.collect_list"
    section = _section(
        item, where, required=("log_group_name", "log_stream_name"), optional=("units", "priority")
    )
    priority = _text(section.get("priority", "debug"), f"{where}.priority")
    if priority not in PRIORITIES:
        raise ConfigError(f"{where}.priority: '{priority}': one of {', '.join(PRIORITIES)}")
    return Journal(*_destination(section, where), units=tuple(section.get("units", ())), priority=priority)


def _metric(kind: str, item: object) -> Metric:
    where = f"metrics_collected.{kind}"
    if kind not in METRICS:
        raise ConfigError(f"{where}: the stand-in knows {', '.join(METRICS)}")
    optional = {"cpu": ("totalcpu",), "disk": ("resources", "drop_device")}.get(kind, ())
    section = _section(item, where, required=("measurement",), optional=optional)
    # As for the real agent, "mem_used_percent" and "used_percent" mean the same.
    measurements = tuple(name.removeprefix(f"{kind}_") for name in section["measurement"])
    unknown = set(measurements) - METRICS[kind]
    if unknown:
        raise ConfigError(f"{where}.measurement: {', '.join(sorted(unknown))}: the stand-in does not know it")
    return Metric(kind, measurements, tuple(section.get("resources", ("/",) if kind == "disk" else ())))


def _destination(section: dict[str, Any], where: str) -> tuple[str, str]:
    group = _text(section["log_group_name"], f"{where}.log_group_name")
    stream = _text(section["log_stream_name"], f"{where}.log_stream_name")
    if ":" in stream or "*" in stream:
        raise ConfigError(f"{where}.log_stream_name: '{stream}': a stream's name holds no ':' and no '*'")
    return group, stream


def _collect_list(collected: dict[str, Any], kind: str) -> list[Any]:
    if kind not in collected:
        return []
    section = _section(collected[kind], f"logs_collected.{kind}", required=("collect_list",))
    return list(section["collect_list"])


def _section(
    value: object, where: str, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where or 'the configuration'}: an object is expected, not {value!r}")
    unknown = sorted(value.keys() - {*required, *optional})
    missing = sorted(set(required) - value.keys())
    if unknown or missing:
        problem = f"unknown: {', '.join(unknown)}" if unknown else f"missing: {', '.join(missing)}"
        raise ConfigError(f"{where or 'the configuration'}: {problem}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where}: a text is expected, not {value!r}")
    return value


def _seconds(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{where}: a number of seconds from 1 is expected, not {value!r}")
    return value
