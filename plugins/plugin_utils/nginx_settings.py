# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role nginx accepts beyond its specification.

Most values go unquoted into nginx.conf, the logrotate rule or a command: a brace, a semicolon or a line break would end a block.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping

from ansible.module_utils.parsing.convert_bool import boolean

from .settings import DISTINCT, PORT, Kind, Table, either, integer, number, path, pattern, sentence, shown

SIGNS = "._~-"
A_PATH = "a path that begins with / and holds letters, digits and . _ ~ / - only, without // and without . or .. as a part"
PATH = path(f'{A_PATH}. "/" itself is not accepted', SIGNS, end="/?")
OPTIONAL_PATH = either(path(A_PATH, SIGNS, end="/?"), "", "empty to disable it")
API_PATH = path(f"a path below /api/, such as /api/events: {A_PATH}", SIGNS, "/api/", "/?")
TIME = pattern(r"[0-9]{1,9}(ms|[smhd])", "a time, such as 90s or 1h")
RATE, BURST = integer(1, 100000), integer(1, 1000000)
# Locations that nginx.conf always has.
RESERVED = {"api": "the application's answers", "static": "the static files"}


def address(accepted: str, host: str = r"[A-Za-z0-9.-]+") -> Kind:
    """Return the kind of host:port."""

    def accepts(value: object) -> bool:
        found = re.fullmatch(rf"{host}:(?P<port>[0-9]{{1,5}})", str(value))
        return found is not None and 1 <= int(found["port"]) <= 65535

    return Kind(accepts, f"{accepted}, with a port from 1 to 65535")


def is_network(value: str) -> bool:
    """Return whether the value is an address, or a network without host bits that is not every address."""
    try:
        return ipaddress.ip_network(value).prefixlen > 0
    except ValueError:
        return False


# fmt: off
KINDS = {
    "nginx_frontend_root": PATH,
    "nginx_log_directory": PATH,
    "nginx_candidate_flag": PATH,
    "nginx_asset_archive": OPTIONAL_PATH,
    "nginx_acme_root": OPTIONAL_PATH,
    "nginx_backend_address": address("host:port, such as 127.0.0.1:8000"),
    "nginx_candidate_address": either(address("host:port, such as 127.0.0.1:8001"), "", "empty to disable it"),
    "nginx_traffic_address": either(
        address("a loopback address and a port, such as 127.0.0.1:8008", r"127(\.[0-9]{1,3}){3}"), "", "empty to disable it"),
    "nginx_server_name": pattern(
        r"[A-Za-z0-9._*-]+( +[A-Za-z0-9._*-]+)*", "host names with blanks between them (other scripts in their xn-- form), or _"),
    "nginx_client_max_body_size": pattern(r"[0-9]{1,9}[kmgKMG]?", "a size, such as 10m"),
    "nginx_stream_timeout": TIME,
    "nginx_proxy_timeout": TIME,
    "nginx_log_group": pattern(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", "the name of a group of the host, such as adm"),
    # Becomes the certificate's common name, limited to 64 characters.
    "nginx_tls_self_signed_name": pattern(
        r"(?=.{1,64}\Z)[A-Za-z0-9*]([A-Za-z0-9.-]*[A-Za-z0-9])?",
        "a host name of at most 64 characters, such as table-order.local"),
    "nginx_http_port": PORT,
    "nginx_https_port": PORT,
    "nginx_log_keep_days": integer(0, 3650),
    "nginx_tls_self_signed_days": integer(1, 36500),
    "nginx_limit_address_rate": RATE,
    "nginx_limit_address_burst": BURST,
    "nginx_limit_session_rate": RATE,
    "nginx_limit_session_burst": BURST,
    "nginx_limit_login_rate": RATE,
    "nginx_limit_login_burst": BURST,
    "nginx_applications[].path": either(path(A_PATH, SIGNS, end="/?"), "/", "/"),
    "nginx_applications[].build": path("a directory below nginx_frontend_root, such as shop/build", SIGNS, "", "/?"),
    "nginx_stream_paths": DISTINCT,
    "nginx_stream_paths[]": API_PATH,
    "nginx_login_paths": DISTINCT,
    "nginx_login_paths[]": API_PATH,
    "nginx_trusted_proxies[]": Kind(
        is_network, "an address or a network, such as 10.0.1.7 or 10.0.1.0/24 (without host bits), but not all clients, since any "
        "client could then fake its address. Set the load balancers' networks"),
}
# fmt: on


def ports(
    nginx_http_port: int,
    nginx_https_port: int,
    nginx_backend_address: str,
    nginx_candidate_address: str,
    nginx_traffic_address: str,
) -> Iterator[str]:
    """Find ports with two purposes."""
    own = [number(nginx_http_port), number(nginx_https_port)]
    if own[0] == own[1]:
        yield f"nginx_http_port and nginx_https_port are both {own[0]}. Set two different ports, such as 80 and 443."
    for name, value, example in (
        ("nginx_backend_address", nginx_backend_address, "127.0.0.1:8000"),
        ("nginx_candidate_address", nginx_candidate_address, "127.0.0.1:8001"),
        ("nginx_traffic_address", nginx_traffic_address, "127.0.0.1:8008"),
    ):
        host, _colon, port = value.rpartition(":")
        if (host == "localhost" or host.startswith("127.")) and int(port) in own:
            yield (
                f"{name} is {shown(value)}, where nginx itself listens: a request would loop. Set another port, such as "
                f"{example}."
            )
        if name != "nginx_traffic_address" and port and nginx_traffic_address.endswith(f":{port}"):
            yield (
                f"nginx_traffic_address is {shown(nginx_traffic_address)}, but {name} ({shown(value)}) has the same port. Set "
                "another port, such as 127.0.0.1:8008."
            )


def locations(nginx_applications: list[Mapping[str, str]]) -> Iterator[str]:
    """Find applications with a location that nginx.conf has already: nginx refuses a duplicate."""
    taken: dict[str, str] = {}
    for application in nginx_applications:
        written = application["path"]
        stem = written.rstrip("/")
        first = f"{stem}/".split("/")[1]
        if first in RESERVED:
            yield (
                f"nginx_applications: the path {shown(written)} collides with /{first}/, which is for {RESERVED[first]}. Choose "
                "another path, such as /shop."
            )
        # The locations in templates/nginx.conf.j2.
        needed = [f"{stem}/", f"= {stem}/index.html", f"{stem}/assets/", *([f"= {stem}"] if stem else [])]
        for other, location in {taken[one]: one for one in reversed(needed) if one in taken}.items():
            yield (
                f"nginx_applications: the paths {shown(other)} and {shown(written)} both need the location {location}. Set a "
                "different path for each application."
            )
        taken = dict.fromkeys(needed, written) | taken


def logins(nginx_login_paths: list[str], nginx_stream_paths: list[str]) -> Iterator[str]:
    """Find paths with two purposes."""
    for both in [one for one in nginx_login_paths if one in nginx_stream_paths]:
        yield f"nginx_login_paths and nginx_stream_paths both hold {shown(both)}. Remove it from one of them."


def pair(nginx_tls_remote: bool, nginx_tls_certificate_file: str, nginx_tls_key_file: str) -> Iterator[str]:
    """Find half a pair, and invalid paths on the host."""
    files = {
        "nginx_tls_certificate_file": nginx_tls_certificate_file,
        "nginx_tls_key_file": nginx_tls_key_file,
    }
    if bool(nginx_tls_certificate_file) != bool(nginx_tls_key_file):
        both = " and ".join(f"{name} is {shown(file)}" for name, file in files.items())
        yield f"{both}. Set both, or leave both empty for a self-signed pair."
    for name, file in files.items():
        if boolean(nginx_tls_remote) and file and not PATH.accepts(file):
            yield sentence(name, file, f"with nginx_tls_remote a path on the host, {A_PATH}")


TABLE = Table(KINDS, [ports, locations, logins, pair])
