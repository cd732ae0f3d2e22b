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
EXACT_PATH = path(A_PATH, SIGNS)
BACKEND_PATH = either(path(A_PATH, SIGNS, end="/?"), "/", "/")
STREAM_PATH = pattern(
    rf"(?=.{{1,4095}}\Z)/|(/(?!\.\.?(/|\Z))([A-Za-z0-9{re.escape(SIGNS)}]+|{{[A-Za-z_][A-Za-z0-9_]*(:path)?}}))+/?",
    f"{A_PATH}, but for parameters such as in /orders/{{id}}/events. All below it with / at its end",
)
TIME = pattern(r"[0-9]{1,9}(ms|[smhd])", "a time, such as 90s or 1h")
RATE, BURST = integer(1, 100000), integer(1, 1000000)


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
    # Part of the names of nginx's variables, of files, and of groups in regular expressions, which have at most 32 signs.
    "nginx_site": pattern(r"[a-z][a-z0-9_]{0,19}", "a name of at most 20 lower-case letters, digits and _, such as shop"),
    "nginx_frontend_root": PATH,
    # With two rules for a file, logrotate rotates by the first and fails every day.
    "nginx_log_directory": path(
        f"{A_PATH}, but not /var/log/nginx, whose files the package nginx rotates; such as /var/log/nginx/site", SIGNS, end="/?",
        but=("/var/log/nginx", "/var/log/nginx/")),
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
    "nginx_header_size": pattern(r"([4-9]|[1-9][0-9]{1,2})k", "a size from 4k to 999k, such as 32k"),
    "nginx_stream_timeout": TIME,
    "nginx_proxy_timeout": TIME,
    "nginx_log_group": pattern(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", "the name of a group of the host, such as adm"),
    # Becomes the certificate's common name, limited to 64 characters.
    "nginx_tls_self_signed_name": pattern(
        r"(?=.{1,64}\Z)[A-Za-z0-9*]([A-Za-z0-9.-]*[A-Za-z0-9])?",
        "a host name of at most 64 characters, such as shop.example.org"),
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
    "nginx_backend_paths": DISTINCT,
    "nginx_backend_paths[]": BACKEND_PATH,
    "nginx_applications[].path": BACKEND_PATH,
    "nginx_applications[].build": path("a directory below nginx_frontend_root, such as shop/build", SIGNS, "", "/?"),
    "nginx_stream_paths": DISTINCT,
    "nginx_stream_paths[]": STREAM_PATH,
    "nginx_login_paths": DISTINCT,
    "nginx_login_paths[]": EXACT_PATH,
    "nginx_headers.<name>": pattern(
        r"(?i)(?!(strict-transport-security|content-length|transfer-encoding|connection|access-control-.*)\Z)[a-z][a-z0-9-]{0,63}",
        "a name of letters, digits and -; Strict-Transport-Security and Access-Control-* have settings of their own"),
    "nginx_headers.<value>": pattern(
        r"[^$\\\x00-\x1f\x7f-\U0010ffff]*", "ASCII without $, \\ and line breaks, such as nosniff; empty to remove the header"),
    "nginx_hsts_seconds": integer(0, 63072000),
    "nginx_cors_origins": DISTINCT,
    "nginx_cors_origins[]": pattern(
        r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", "an origin in lower case without a path, such as https://shop.example.org"),
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


def is_below(one: str, other: str) -> bool:
    """Return whether a path is another one or lies below it, but not below /."""
    return other != "/" and f"{one.rstrip('/')}/".startswith(f"{other.rstrip('/')}/")


def backend(nginx_backend_paths: list[str]) -> Iterator[str]:
    """Find paths of the application that are there twice."""
    for one in nginx_backend_paths:
        if one != "/" and one.endswith("/") and one.rstrip("/") in nginx_backend_paths:
            yield f"nginx_backend_paths holds {shown(one)} and {shown(one.rstrip('/'))}, which includes it. Remove {shown(one)}."


def locations(
    nginx_applications: list[Mapping[str, str]],
    nginx_backend_paths: list[str],
    nginx_login_paths: list[str],
    nginx_stream_paths: list[str],
) -> Iterator[str]:
    """Find front ends with a location that nginx.conf has already: nginx refuses a duplicate."""
    others = dict.fromkeys(nginx_backend_paths, "nginx_backend_paths")
    if not {"/", "/static", "/static/"} & others.keys():
        others["/static/"] = "the static files"
    special = {
        path if path.endswith("/") else f"= {path}": name
        for name, paths in (
            ("nginx_login_paths", nginx_login_paths),
            ("nginx_stream_paths", nginx_stream_paths),
        )
        for path in paths
    }
    taken: dict[str, str] = {}
    for written in [application["path"] for application in nginx_applications]:
        for other, owner in others.items():
            if written == other or is_below(written, other):
                yield (
                    f"nginx_applications: the path {shown(written)} collides with {other}, which is for {owner}. Set different "
                    "paths, such as /shop for the front end and /api/ for the application."
                )
        stem = written.rstrip("/")
        # The locations in templates/site.conf.j2.
        needed = [f"{stem}/", f"{stem}/assets/", *([f"= {stem}"] if stem else [])]
        for other, location in {taken[one]: one for one in reversed(needed) if one in taken}.items():
            yield (
                f"nginx_applications: the paths {shown(other)} and {shown(written)} both need the location {location}. Set a "
                "different path for each application."
            )
        for location in [one for one in needed if one in special]:
            yield (
                f"nginx_applications: the path {shown(written)} needs the location {location}, which {special[location]} has. Set "
                "different paths."
            )
        taken = dict.fromkeys(needed, written) | taken


def special(
    nginx_login_paths: list[str], nginx_stream_paths: list[str], nginx_backend_paths: list[str]
) -> Iterator[str]:
    """Find paths with two purposes, and paths that the application does not have."""
    for name, paths in (("nginx_login_paths", nginx_login_paths), ("nginx_stream_paths", nginx_stream_paths)):
        for one in paths:
            if "/" not in nginx_backend_paths and not any(
                is_below(one, other) for other in nginx_backend_paths
            ):
                yield (
                    f"{name} holds {shown(one)}, which is not below nginx_backend_paths, {shown(nginx_backend_paths)}. Correct it, "
                    "or add its path there."
                )
    for both in [one for one in nginx_login_paths if one in nginx_stream_paths]:
        yield f"nginx_login_paths and nginx_stream_paths both hold {shown(both)}. Remove it from one of them."


def headers(nginx_headers: Mapping[str, str]) -> Iterator[str]:
    """Find headers that are there twice: their names have no case."""
    names = [name.lower() for name in nginx_headers]
    for name in [name for name in nginx_headers if names.count(name.lower()) > 1]:
        yield f"nginx_headers has {name} twice, in different case. Remove one of them."


def cors(nginx_cors_origins: list[str], nginx_cors_credentials: bool) -> Iterator[str]:
    """Find origins whose pages anybody on the way can replace, with cookies."""
    for origin in nginx_cors_origins if boolean(nginx_cors_credentials) else []:
        if re.match(r"http://(?!(localhost|127\.0\.0\.1)(:|\Z))", origin):
            yield f"nginx_cors_credentials is true, and nginx_cors_origins has {shown(origin)}. Use https://."


def proxies(nginx_proxy_protocol: bool, nginx_trusted_proxies: list[str]) -> Iterator[str]:
    """Find the PROXY protocol without a proxy."""
    if boolean(nginx_proxy_protocol) and not nginx_trusted_proxies:
        yield (
            "nginx_proxy_protocol is true, but nginx_trusted_proxies is empty. Set the addresses of the load balancers that send "
            "the PROXY protocol."
        )


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


TABLE = Table(KINDS, [ports, backend, locations, special, headers, cors, proxies, pair])
