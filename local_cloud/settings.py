"""Settings that differ between two local clouds on the same machine."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
# Seconds of each delay unless the settings say otherwise.
DELAYED = {
    "database": 0.0,
    "cache": 0.0,
    "server": 0.0,
    "image": 0.0,
    "backup": 0.0,
    "reaction": 2.0,
    "modification": 0.0,
    "optimization": 0.0,
    "rename": 0.0,
    "log": 300.0,
}
LOOPBACK_RANGE = ipaddress.IPv4Network("127.0.10.0/24")


class SettingsError(Exception):
    """A settings file that cannot be used; the message names the setting and the fix."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of one local cloud, as in the `local_cloud` key of an inventory's 00-cloud.yml.

    `delays` holds seconds that are added before a new database, cache, server or image is ready; that a database is
    shown as backing-up (after its creation, and during a snapshot), modifying (after a change), storage-optimization
    (after a growth) and renaming; that it stays available before it begins a change (reaction); and between two uploads of
    its log (log), by which the latest restorable time lags.
    """

    name: str
    container_prefix: str
    loopback_range: ipaddress.IPv4Network = LOOPBACK_RANGE
    port: int = 5000
    account: str = "123456789012"
    region: str = "ap-northeast-2"
    delays: dict[str, float] = dataclasses.field(default_factory=DELAYED.copy)

    @property
    def state(self) -> Path:
        """The directory of this cloud's lock, log and certificates."""
        return ROOT / ".state" / self.name / "cloud"

    @property
    def url(self) -> str:
        """The API's URL on this host."""
        return f"http://127.0.0.1:{self.port}"

    def as_json(self) -> dict[str, Any]:
        """The settings as plain values; two clouds with equal values are the same cloud."""
        values = dataclasses.asdict(self)
        return {**values, "loopback_range": str(self.loopback_range)}


def load(path: Path) -> Settings:
    """Read the `local_cloud` key of a YAML file. Raises SettingsError."""
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read the settings file {path}: {error}") from error
    values = document.get("local_cloud") if isinstance(document, dict) else None
    if not isinstance(values, dict):
        raise SettingsError(f"{path} has no mapping named local_cloud")
    return parse(values)


def parse(values: dict[str, Any]) -> Settings:
    """Check the values of a `local_cloud` mapping. Raises SettingsError."""
    known = {field.name for field in dataclasses.fields(Settings)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise SettingsError(
            f"local_cloud has no setting {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )
    if not values.get("name"):
        raise SettingsError("local_cloud.name is required: it names the state directory .state/<name>/cloud")
    # Two clouds of one prefix would remove each other's containers.
    checked = {
        "container_prefix": f"table-order-{values['name']}",
        **values,
        "delays": delays(values.get("delays") or {}),
    }
    if "loopback_range" in values:
        checked["loopback_range"] = _loopback_range(values["loopback_range"])
    settings = Settings(**checked)
    # The firewall chains are named after the prefix, and a chain's name has at most 28 characters.
    if not 1 <= len(settings.container_prefix) <= 24:
        raise SettingsError("local_cloud.container_prefix must have 1 to 24 characters")
    if not (len(str(settings.account)) == 12 and str(settings.account).isdigit()):
        raise SettingsError(f"local_cloud.account is {settings.account!r}: it must be 12 digits in quotes")
    return settings


def delays(values: dict[str, Any]) -> dict[str, float]:
    """Complete and check a mapping of delays in seconds. Raises SettingsError."""
    unknown = sorted(values.keys() - set(DELAYED))
    if unknown:
        raise SettingsError(
            f"there is no delay for {', '.join(unknown)}; there is one for {', '.join(DELAYED)}"
        )
    try:
        seconds = {name: float(values.get(name, default)) for name, default in DELAYED.items()}
    except (TypeError, ValueError) as error:
        raise SettingsError(f"delays are numbers of seconds: {error}") from error
    if min(seconds.values()) < 0:
        raise SettingsError("a delay cannot be negative")
    return seconds


def _loopback_range(value: str) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise SettingsError(f"local_cloud.loopback_range is {value!r}: {error}") from error
    if not network.subnet_of(ipaddress.IPv4Network("127.0.0.0/8")) or network.prefixlen > 29:
        raise SettingsError(
            f"local_cloud.loopback_range is {value}: it must be a /29 or larger inside 127.0.0.0/8"
        )
    return network


def container_environment() -> dict[str, str]:
    """The environment for podman: the repository's containers.conf if it exists."""
    configuration = ROOT / ".state" / "containers.conf"
    if configuration.is_file():
        return {**os.environ, "CONTAINERS_CONF": str(configuration)}
    return dict(os.environ)
