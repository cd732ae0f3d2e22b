# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that find invalid settings of nginx before any change on the host.

Each returns a list of sentences, empty for valid settings. A sentence names the setting, its value, the accepted
form and the fix.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

PATH = "a path that begins with / and holds letters, digits and . _ ~ / - only, without // and without . or .. as a part"
TIME = r"[0-9]{1,9}(ms|[smhd])", "a time, such as 90s or 1h"

# These values go unquoted into nginx.conf, the logrotate rule or a command: a brace, a semicolon or a line break would
# end a block there.
FORMS: dict[str, tuple[str, str]] = {
    "nginx_backend_address": (r"[A-Za-z0-9.-]+:[0-9]{1,5}", "host:port, such as 127.0.0.1:8000"),
    "nginx_candidate_address": (
        r"|[A-Za-z0-9.-]+:[0-9]{1,5}",
        "host:port, such as 127.0.0.1:8001, or empty to disable it",
    ),
    "nginx_traffic_address": (
        r"|127(\.[0-9]{1,3}){3}:[0-9]{1,5}",
        "a loopback address and a port, such as 127.0.0.1:8008, or empty to disable it",
    ),
    "nginx_server_name": (
        r"[A-Za-z0-9._*-]+( +[A-Za-z0-9._*-]+)*",
        "host names with blanks between them (other scripts in their xn-- form), or _",
    ),
    "nginx_client_max_body_size": (r"[0-9]{1,9}[kmgKMG]?", "a size, such as 10m"),
    "nginx_stream_timeout": TIME,
    "nginx_proxy_timeout": TIME,
    "nginx_log_group": (r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", "the name of a group of the host, such as adm"),
    # Becomes the certificate's common name, limited to 64 characters.
    "nginx_tls_self_signed_name": (
        r"(?=.{1,64}\Z)[A-Za-z0-9*]([A-Za-z0-9.-]*[A-Za-z0-9])?",
        "a host name of at most 64 characters, such as table-order.local",
    ),
}
PATHS = ("nginx_frontend_root", "nginx_log_directory", "nginx_candidate_flag")
OPTIONAL_PATHS = ("nginx_asset_archive", "nginx_acme_root")
RANGES = {
    "nginx_http_port": (1, 65535),
    "nginx_https_port": (1, 65535),
    "nginx_log_keep_days": (0, 3650),
    "nginx_tls_self_signed_days": (1, 36500),
    "nginx_limit_address_rate": (1, 100000),
    "nginx_limit_address_burst": (1, 1000000),
    "nginx_limit_session_rate": (1, 100000),
    "nginx_limit_session_burst": (1, 1000000),
    "nginx_limit_login_rate": (1, 100000),
    "nginx_limit_login_burst": (1, 1000000),
}
# Locations that nginx.conf always has.
RESERVED = {"api": "the application's answers", "static": "the static files"}


def _shown(value: object) -> str:
    """Format a value for a message: escape line breaks, hide a URL's password, limit the length."""
    text = re.sub(r"(?s)([a-z+]+://)?.*@", r"\1***@", str(value), count=1)
    return repr(text if len(text) <= 100 else text[:100] + "...")


def _is_path(value: object) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"/[A-Za-z0-9._~/-]*", value) is not None
        and "//" not in value
        and not {".", ".."} & set(value.split("/"))
    )


def _integer(value: object) -> int | None:
    """Read an integer as Ansible does: a number, or a number's text, such as from "-e port=80"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return None


def _value_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if value is None:
            yield f"{name} is null. Set a value, or omit the setting for the default."
    for name, (form, accepted) in FORMS.items():
        value = settings[name]
        if value is not None and not (isinstance(value, str) and re.fullmatch(form, value)):
            yield f"{name} is {_shown(value)}. Accepted: {accepted}."
    for name in PATHS:
        value = settings[name]
        if value is not None and (not _is_path(value) or value == "/"):
            yield f'{name} is {_shown(value)}. Accepted: {PATH}. "/" itself is not accepted.'
    for name in OPTIONAL_PATHS:
        value = settings[name]
        if value not in (None, "") and (not _is_path(value) or value == "/"):
            yield f"{name} is {_shown(value)}. Accepted: {PATH}, or empty to disable it."
    for name, (least, most) in RANGES.items():
        value = settings[name]
        number = _integer(value)
        if value is not None and (number is None or not least <= number <= most):
            yield f"{name} is {_shown(value)}. Accepted: a number from {least} to {most}."


def _port_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    ports = {name: _integer(settings[name]) for name in ("nginx_http_port", "nginx_https_port")}
    if None not in ports.values() and len(set(ports.values())) == 1:
        yield (
            f"nginx_http_port and nginx_https_port are both {ports['nginx_http_port']}. Set two different ports, "
            "such as 80 and 443."
        )
    for name, example in (
        ("nginx_backend_address", "127.0.0.1:8000"),
        ("nginx_candidate_address", "127.0.0.1:8001"),
        ("nginx_traffic_address", "127.0.0.1:8008"),
    ):
        address = settings[name]
        if not isinstance(address, str) or not re.fullmatch(FORMS["nginx_backend_address"][0], address):
            continue
        host, _dummy, port = address.rpartition(":")
        if not 1 <= int(port) <= 65535:
            yield f"{name} is {_shown(address)}. Accepted: a port from 1 to 65535, such as {example}."
        elif (host == "localhost" or host.startswith("127.")) and int(port) in ports.values():
            yield (
                f"{name} is {_shown(address)}, where nginx itself listens: a request would loop. "
                f"Set another port, such as {example}."
            )
    traffic = str(settings["nginx_traffic_address"])
    for name in ("nginx_backend_address", "nginx_candidate_address"):
        if traffic and traffic.rpartition(":")[2] == str(settings[name]).rpartition(":")[2]:
            yield (
                f"nginx_traffic_address is {_shown(traffic)}, but {name} ({_shown(settings[name])}) has the same port. Set "
                "another port, such as 127.0.0.1:8008."
            )


def _proxy_problems(proxies: object) -> Iterator[str]:
    if not isinstance(proxies, list):
        yield f"nginx_trusted_proxies is {_shown(proxies)}. Accepted: a list of addresses and networks, such as [10.0.1.0/24]."
        return
    for proxy in proxies:
        try:
            network = ipaddress.ip_network(str(proxy))
        except ValueError:
            yield (
                f"nginx_trusted_proxies: {_shown(proxy)} is neither an address nor a network. Accepted: such as 10.0.1.7 or "
                "10.0.1.0/24 (without host bits)."
            )
        else:
            if network.prefixlen == 0:
                yield (
                    f"nginx_trusted_proxies: {_shown(proxy)} covers all clients, so any client could fake its address. Set "
                    "the load balancers' networks."
                )


def _application_problems(applications: object) -> Iterator[str]:
    if not isinstance(applications, list):
        yield f"nginx_applications is {_shown(applications)}. Accepted: a list of entries with path and build."
        return
    for application in applications:
        if not isinstance(application, Mapping) or set(application) != {"path", "build"}:
            yield f"nginx_applications holds {_shown(application)}. Accepted: entries with path and build, and nothing else."
            continue
        path, build = application["path"], application["build"]
        if not _is_path(path):
            yield f"nginx_applications: the path {_shown(path)} is invalid. Accepted: {PATH}."
        elif (first := path.split("/")[1]) in RESERVED:
            yield (
                f"nginx_applications: the path {_shown(path)} collides with /{first}/, which is for {RESERVED[first]}. "
                "Choose another path, such as /shop."
            )
        if not isinstance(build, str) or build == "" or not _is_path(f"/{build}"):
            yield (
                f"nginx_applications: the build {_shown(build)} is invalid. Accepted: a directory below "
                "nginx_frontend_root, such as shop/build."
            )


def _path_problems(name: str, paths: object) -> Iterator[str]:
    if not isinstance(paths, list):
        yield f"{name} is {_shown(paths)}. Accepted: a list of paths below /api/."
        return
    for path in paths:
        if not _is_path(path) or not path.startswith("/api/") or path == "/api/":
            yield f"{name} holds {_shown(path)}. Accepted: a path below /api/, such as /api/events: {PATH}."
    texts = [path for path in paths if isinstance(path, str)]
    for path in sorted({path for path in texts if texts.count(path) > 1}):
        yield f"{name} holds {_shown(path)} {texts.count(path)} times. Remove the duplicates."


def _login_problems(logins: object, streams: object) -> Iterator[str]:
    yield from _path_problems("nginx_login_paths", logins)
    if isinstance(logins, list) and isinstance(streams, list):
        for path in [path for path in logins if path in streams]:
            yield f"nginx_login_paths and nginx_stream_paths both hold {_shown(path)}. Remove it from one of them."


def _collisions(applications: list[Mapping[str, str]]) -> Iterator[str]:
    """Find applications with the same location: nginx refuses a duplicate."""
    paths = [application["path"] for application in applications]
    taken: dict[str, int] = {}
    reported: set[tuple[int, int]] = set()
    for index, written in enumerate(paths):
        path = written.rstrip("/")
        # The locations in templates/nginx.conf.j2.
        for location in (
            f"{path}/",
            f"= {path}/index.html",
            f"{path}/assets/",
            *([f"= {path}"] if path else []),
        ):
            other = taken.setdefault(location, index)
            if other != index and (other, index) not in reported:
                reported.add((other, index))
                yield (
                    f"nginx_applications: the paths {_shown(paths[other])} and {_shown(written)} both need the location "
                    f"{location}. Set a different path for each application."
                )


def setting_problems(settings: Mapping[str, Any]) -> list[str]:
    """Find invalid and conflicting settings. ``settings`` holds all settings of the role by name."""
    problems = [*_value_problems(settings), *_port_problems(settings)]
    applications, streams = settings["nginx_applications"], settings["nginx_stream_paths"]
    if applications is not None:
        found = list(_application_problems(applications))
        problems += found or list(_collisions(applications))
    if streams is not None:
        problems += _path_problems("nginx_stream_paths", streams)
    if settings["nginx_login_paths"] is not None:
        problems += _login_problems(settings["nginx_login_paths"], streams)
    if settings["nginx_trusted_proxies"] is not None:
        problems += _proxy_problems(settings["nginx_trusted_proxies"])
    certificate, key = settings["nginx_tls_certificate_file"], settings["nginx_tls_key_file"]
    if bool(certificate) != bool(key):
        problems.append(
            f"nginx_tls_certificate_file is {_shown(certificate)} and nginx_tls_key_file is {_shown(key)}. Set both, or "
            "leave both empty for a self-signed pair."
        )
    if boolean(settings["nginx_tls_remote"], strict=False):
        problems += [
            f"{name} is {_shown(settings[name])}. With nginx_tls_remote it is a path on the host. Accepted: {PATH}."
            for name in ("nginx_tls_certificate_file", "nginx_tls_key_file")
            if settings[name] and not _is_path(settings[name])
        ]
    return problems


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"nginx_setting_problems": setting_problems}
