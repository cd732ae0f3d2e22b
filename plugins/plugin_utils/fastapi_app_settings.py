# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role fastapi_app accepts beyond its specification."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from .settings import (
    DISTINCT,
    REVISION,
    Kind,
    Table,
    either,
    integer,
    number,
    path,
    pattern,
    sentence,
    shown,
    variable,
)

# The role removes directories or restricts them to root, so a shared system directory is refused.
SYSTEM_DIRECTORIES = frozenset(f"/{name}" for name in (
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys",
    "tmp", "usr", "usr/bin", "usr/lib", "usr/local", "usr/sbin", "usr/share", "var", "var/cache", "var/lib", "var/log", "var/tmp",
))  # fmt: skip
# Messages and files show a URL: before an "@" or after a "?" a URL may contain a password or a token.
ADDRESS = r"https?://[^\s@?]+"
HOST = r"(?!-)[\w.-]+"
GIT = rf"(https?|git)://[^\s@?]+|ssh://({HOST}@)?{HOST}(:\d+)?/[^\s@?]+|file://\S+|{HOST}@{HOST}:[^\s:@?][^\s@?]*"
COMMIT = r"[0-9a-f]{40}|[0-9a-f]{64}"
# What git accepts as a name (git check-ref-format), except a leading dash, which git would read as an option, and quotes and "$",
# which ansible.builtin.git splits and expands.
VERSION = r"(?![-./])(?!.*(\.\.|@\{|//|/\.|\.lock(/|\Z)))[^\x00-\x20\x7f-\x9f~^:?*\[\\'\"`$]+(?<![./])"
# What systemd leaves out of an environment without a word: control characters, and what is no character of Unicode.
UNREADABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# Traffic that never leaves the machine, as in the local cloud.
LOOPBACK = re.compile(r"http://(127(\.\d{1,3}){3}|localhost|\[::1\])[:/]")

# A path in a unit file, where "%", "$", quotes and spaces have special meanings.
A_PATH = "an absolute path of letters, digits and . _ -, without . or .. as a part"
PATH = path(f"{A_PATH}, such as /etc/ssl/certs/rds-ca.pem")
OWN = path(f"{A_PATH}, not a system directory, such as /srv/shop", but=SYSTEM_DIRECTORIES)
INNER = path("a path inside the source of letters, digits and . _ -, without ..", start="")
INNER_OR_ALL = either(INNER, ".", '"." for the whole')
USER = r"(?!root\Z)[a-z_][a-z0-9_-]{0,30}"
PROGRAM = r"[A-Za-z0-9._-]+"
A_USER = "a system user's name in lower case, at most 31 letters, not root"
BOOLEAN = Kind(lambda value: isinstance(value, bool), "true or false")
# Given on the command line (-e name=true), where all values are text.
FLAG = Kind(lambda value: isinstance(value, bool) or value in ("true", "false"), "true or false")
WORD = pattern(
    r"[A-Za-z0-9._:/=,*\[\]~+-]+",
    "a single word of letters, digits and . _ : / = , * [ ] ~ + - (quote numbers)",
)
MEMORY = pattern(
    r"|[1-9][0-9]{0,9}[KMGT]|[1-9][0-9]?%", "a limit of memory, such as 512M, 2G or 40%, or empty for none"
)
COMMAND = pattern(
    r"[A-Za-z0-9._-]+( [A-Za-z0-9._:/=,*\[\]~+@-]+)*",
    "a program of the virtual environment, without a path, and its arguments with single blanks, such as "
    "celery --app app.worker worker; of letters, digits and . _ : / = , * [ ] ~ + @ -",
)
UNPRIVILEGED = integer(1024, 65535, " (the service may not open a lower port)")
VALUE = Kind(
    lambda value: isinstance(value, str | int | float) and not UNREADABLE.search(str(value)),
    "text without a line break or another control character (a tab may be), a number, true or false. Encode another value, for "
    "example in base64",
)
URL = pattern(
    r"https?://[^\s@]+", "an http(s) URL without a password, such as http://127.0.0.1:8000/api/health"
)


def is_regular_expression(value: str) -> bool:
    """Return whether a text is a regular expression."""
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


# fmt: off
KINDS = {
    "fastapi_app_remove_data": FLAG._replace(accepted="true or false; true also removes releases"),
    "fastapi_app_home": OWN,
    "fastapi_app_user": pattern(USER, f"{A_USER}; the application must not run with root's rights"),
    "fastapi_app_build_user": pattern(USER, f"{A_USER}; build scripts must not run with root's rights"),
    "fastapi_app_migration_user": either(pattern(USER, A_USER), "", "empty for no user"),
    "fastapi_app_service": pattern(r"[A-Za-z0-9_-]+", 'a unit\'s name without ".service", such as shop'),
    "fastapi_app_log_directory": OWN,
    "fastapi_app_log_days": integer(1, 9999),
    "fastapi_app_update_system": BOOLEAN,
    "fastapi_app_amazon_release": pattern(
        r"|\d{4}(\.\d{1,2}\.\d{8})?|latest",
        "a release of Amazon Linux, such as 2023.12.20260724, or empty for the release of the machine image"),
    "fastapi_app_python": pattern(r"python3\.(1[1-9]|[2-9][0-9])", "python3.11 or newer, as the platform's packages name it"),
    "fastapi_app_system_packages[]": pattern(
        r"[A-Za-z0-9][A-Za-z0-9._+:-]*", "a package name of the host's platform, such as libmagic1"),
    "fastapi_app_database_ca_url": pattern(
        rf"{ADDRESS}|/\S+|",
        'an https URL (http on loopback) without a password or a "?", a path on the controller, or empty'),
    "fastapi_app_database_ca_path": PATH,
    "fastapi_app_asgi": pattern(
        r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*(\(\))?",
        "MODULE:ATTRIBUTE, such as app.main:app; add --factory to fastapi_app_arguments for a function, or with gunicorn and "
        "hypercorn call it: app.main:create()"),
    "fastapi_app_working_path": INNER_OR_ALL,
    "fastapi_app_host": pattern(r"[0-9a-fA-F.:]+", "an address to listen on; 127.0.0.1 unless clients must bypass nginx"),
    "fastapi_app_port": UNPRIVILEGED,
    "fastapi_app_workers": integer(1, 64),
    "fastapi_app_candidate_port": UNPRIVILEGED,
    # The role owns and removes the flag's directory.
    "fastapi_app_candidate_flag": Kind(
        lambda file: OWN.accepts(file) and OWN.accepts(file.rpartition("/")[0]),
        f"{A_PATH}, in a separate directory, such as /run/shop/candidate-live"),
    "fastapi_app_asset_archive": OWN,
    "fastapi_app_arguments[]": WORD,
    "fastapi_app_processes": Kind(
        lambda processes: len({str(one.get("name")) for one in processes if isinstance(one, Mapping)}) == len(processes),
        "dictionaries with a name and a command; each name once"),
    "fastapi_app_processes[].name": pattern(
        r"(?!fastapi\Z|fastapi-candidate\Z|deployments\Z|nginx-)[a-z][a-z0-9-]{0,30}",
        "a name of lower-case letters, digits and -, such as worker; not that of another log (fastapi, deployments, nginx-access)"),
    "fastapi_app_processes[].command": COMMAND,
    "fastapi_app_processes[].schedule": pattern(
        r"[A-Za-z0-9*,/:. ~_+-]+", 'an OnCalendar expression of systemd, such as "*-*-* 03:30:00 Asia/Seoul" or hourly'),
    "fastapi_app_processes[].stop_seconds": integer(1, 240),
    "fastapi_app_processes[].memory_max": MEMORY,
    "fastapi_app_check_lifespan": FLAG,
    "fastapi_app_open_files": integer(64, 1048576),
    "fastapi_app_memory_max": MEMORY,
    "fastapi_app_writable_paths[]": PATH,
    "fastapi_app_shared_directories": DISTINCT,
    "fastapi_app_shared_directories[]": path(
        "a directory of the backend, as a path of letters, digits and . _ - without .., such as uploads; not venv or .env",
        start=r"(?!(venv|\.env)(/|\Z))"),
    "fastapi_app_keep_releases": integer(2, 99, "; a rollback needs at least two releases"),
    "fastapi_app_disk_reserve": integer(0, 1048576, " MiB"),
    "fastapi_app_no_log": BOOLEAN,

    "fastapi_app_source.version": pattern(
        rf"({VERSION})?", "a branch, tag or commit, as text without quotes and $. Put a number into quotes: YAML reads 1.10 as 1.1",
        ["@"]),
    "fastapi_app_source.submodules": BOOLEAN,
    "fastapi_app_source.strip": integer(0, 9, ", of leading directories to strip"),
    "fastapi_app_source_exclude[]": pattern(r"[^/\n]+", "a shell pattern of names, without /"),
    "fastapi_app_backend_path": INNER_OR_ALL,
    "fastapi_app_project_path": INNER_OR_ALL,
    "fastapi_app_frontend_path": INNER_OR_ALL,
    "fastapi_app_frontends[]": INNER,
    "fastapi_app_frontend_output": either(INNER, "", "empty to find it"),
    "fastapi_app_force": FLAG,
    "fastapi_app_requirements": INNER,
    "fastapi_app_require_hashes": BOOLEAN,
    "fastapi_app_install_arguments[]": WORD,
    "fastapi_app_build_environment.<name>": variable("HOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"),
    "fastapi_app_build_environment.<value>": VALUE,

    "fastapi_app_migrate": FLAG,
    "fastapi_app_before_switch[]": COMMAND,
    "fastapi_app_after_switch[]": COMMAND,
    "fastapi_app_release_path": either(PATH, "", 'empty for the release that the entry point "release" built'),
    "fastapi_app_environment.<name>": variable("RELEASE_ID"),
    "fastapi_app_environment.<value>": VALUE,
    "fastapi_app_revisions[]": REVISION,
    "fastapi_app_health_url": URL,
    "fastapi_app_health_host": pattern(r"[A-Za-z0-9.:_\[\]-]*", "a host name, or empty for the host of the URL"),
    "fastapi_app_health_status": Kind(len, "a list of HTTP statuses, such as [200, 204]"),
    "fastapi_app_health_status[]": integer(100, 599),
    "fastapi_app_health_body": Kind(is_regular_expression, "a regular expression that matches the body, or empty for any body"),
    "fastapi_app_health_names_release": FLAG,
    "fastapi_app_health_times": integer(1, 100),
    "fastapi_app_health_tries": integer(1, 3600),
    "fastapi_app_drain_seconds": integer(0, 3600),
    "fastapi_app_release": pattern(
        r"|[A-Za-z0-9][A-Za-z0-9._-]*", "a release ID from playbooks/status.yml, or empty for the previous release"),
    "fastapi_app_rollback_keeps[]": variable("RELEASE_ID"),

    "fastapi_app_run": Kind(
        lambda words: words == [] or bool(re.fullmatch(PROGRAM, str(words[0]))),
        "a program of the virtual environment, without a path, and its arguments, such as [python, -m, app.report]"),
    "fastapi_app_run[]": pattern(r"[^\0]*", "a word of the command. Quote a number"),
    "fastapi_app_traffic_url": either(URL, "", "empty to skip the check"),
    "fastapi_app_why": pattern(r"[^\n]{0,200}", "a line of at most 200 characters"),
    "fastapi_app_lock_wait": integer(0, 86400, " seconds"),
    "fastapi_app_lock_lease": integer(60, 86400, " seconds"),
    "fastapi_app_lock_break": FLAG,
}
# The settings of each entry point.
LOCK = {f"fastapi_app_{name}" for name in ("state", "traffic_url", "why", "lock_wait", "lock_lease", "lock_break")}
RELEASE = {f"fastapi_app_{name}" for name in (
    "source", "source_exclude", "backend_path", "project_path", "frontend_path", "frontends", "frontend_output", "dependencies",
    "force", "build_environment", "disk_reserve", "requirements", "require_hashes", "install_arguments")}
ACTIVATE = {f"fastapi_app_{name}" for name in (
    "before_switch", "after_switch",
    "release_path", "environment", "revisions", "health_url", "health_host", "health_status", "health_body", "health_names_release",
    "health_times", "health_tries", "drain_seconds", "release", "rollback_keeps")}
WITH_KIND = {name.partition("[")[0] for name in KINDS if "." not in name}
DEPLOY = RELEASE | ACTIVATE | {"fastapi_app_migrate"}
RUN = {"fastapi_app_run"}
MAIN = {"fastapi_app_python_source", "fastapi_app_server"} | WITH_KIND - DEPLOY - RUN
PARTS = {
    "main": MAIN | LOCK, "deploy": DEPLOY | LOCK, "release": RELEASE | LOCK, "activate": ACTIVATE | LOCK,
    "rollback": ACTIVATE | LOCK, "lock": LOCK, "run": RUN | LOCK,
}
# fmt: on


def state(part: str, fastapi_app_state: str) -> Iterator[str]:
    """Find a deployment to a server without the application."""
    if part not in ("main", "lock") and fastapi_app_state == "absent":
        yield sentence("fastapi_app_state", "absent", "present; otherwise the server cannot run a release")


def users(
    fastapi_app_user: str, fastapi_app_build_user: str, fastapi_app_migration_user: str
) -> Iterator[str]:
    """Find users that are not three."""
    given = (fastapi_app_user, fastapi_app_build_user, fastapi_app_migration_user)
    named = zip(
        ("fastapi_app_user", "fastapi_app_build_user", "fastapi_app_migration_user"), given, strict=True
    )
    for (other, taken), (name, user) in combinations(named, 2):
        if user == taken:
            yield (
                f"{name} is {shown(user)}, the same as {other}. A shared user could read all passwords: set different names."
            )


def ports(fastapi_app_port: int, fastapi_app_candidate_port: int) -> Iterator[str]:
    """Find a candidate on the port of the service."""
    if number(fastapi_app_port) == number(fastapi_app_candidate_port):
        yield (
            f"fastapi_app_candidate_port is {shown(fastapi_app_candidate_port)}, the same as fastapi_app_port. The candidate runs "
            "next to the service: set a different port."
        )


def directories(
    fastapi_app_home: str,
    fastapi_app_user: str,
    fastapi_app_log_directory: str,
    fastapi_app_asset_archive: str,
    fastapi_app_candidate_flag: str,
) -> Iterator[str]:
    """Find directories that the role would clear together with needed files."""
    flag, archive = fastapi_app_candidate_flag.rpartition("/")[0], fastapi_app_asset_archive
    needed = [f"{fastapi_app_home}/{name}" for name in ("releases", "cache", "tools", "python")]
    needed += [fastapi_app_log_directory, f"/var/lib/{fastapi_app_user}"]
    for name, value, cleared, others in (
        ("fastapi_app_candidate_flag", fastapi_app_candidate_flag, flag, [*needed, archive]),
        ("fastapi_app_asset_archive", archive, archive, [*needed, flag]),
    ):
        pairs = [(one, sorted((f"{one}/", f"{cleared}/"), key=len)) for one in others]
        if meets := [one for one, (outer, inner) in pairs if inner.startswith(outer)]:
            yield (
                f"{name} is {shown(value)}; the role clears this directory, which overlaps with {meets[0]}. Set a separate "
                "directory."
            )


def within(inner: str, outer: str) -> bool:
    """Return whether a path is another one, or lies in it."""
    return f"{inner}/".startswith(f"{outer}/")


def writable_paths(fastapi_app_home: str, fastapi_app_writable_paths: list[str]) -> Iterator[str]:
    """Find paths in a release, which belongs to root, so that the service could not write there."""
    of_releases = [f"{fastapi_app_home}/{name}" for name in ("backend", "frontend", "candidate", "releases")]
    for place, value in enumerate(fastapi_app_writable_paths):
        if any(within(value, one) for one in of_releases):
            yield (
                f"fastapi_app_writable_paths[{place}] is {shown(value)}, which lies in a release: root owns it, and the next "
                "release would not have its files. Use fastapi_app_shared_directories for directories of the backend."
            )


def shared_directories(fastapi_app_shared_directories: list[str]) -> Iterator[str]:
    """Find shared directories that would hide one another."""
    for place, value in enumerate(fastapi_app_shared_directories):
        others = [one for one in fastapi_app_shared_directories if one != value and within(value, one)]
        if others:
            accepted = (
                f"a directory that is not in another one of the list. {others[0]} already contains this one"
            )
            yield sentence(f"fastapi_app_shared_directories[{place}]", value, accepted)


def server(fastapi_app_server: str, fastapi_app_arguments: list[str], fastapi_app_asgi: str) -> Iterator[str]:
    """Find another server with the arguments of uvicorn, which are the default, and a factory in the form of another server."""
    if fastapi_app_server == "uvicorn" and fastapi_app_asgi.endswith("()"):
        yield sentence(
            "fastapi_app_asgi",
            fastapi_app_asgi,
            "MODULE:ATTRIBUTE for uvicorn. Remove the parentheses and add --factory to fastapi_app_arguments",
        )
    if fastapi_app_server != "uvicorn" and "--factory" in fastapi_app_arguments:
        yield (
            f"fastapi_app_arguments has --factory, which only uvicorn knows. Remove it, and call the factory: fastapi_app_asgi: "
            f"{fastapi_app_asgi.removesuffix('()')}()"
        )
    if fastapi_app_server != "uvicorn" and "--proxy-headers" in fastapi_app_arguments:
        yield (
            f"fastapi_app_server is {fastapi_app_server}, but fastapi_app_arguments are those of uvicorn. Set the arguments of "
            f"{fastapi_app_server}, such as [--worker-class, uvicorn_worker.UvicornWorker] for gunicorn, or [] for none."
        )


def database_ca(fastapi_app_state: str, fastapi_app_database_ca_url: str) -> Iterator[str]:
    """Find a CA bundle over plain http, or an unreadable file on the controller."""
    url = fastapi_app_database_ca_url
    if fastapi_app_state == "present" and url.startswith("http://") and not LOOPBACK.match(url):
        yield (
            f"fastapi_app_database_ca_url is {shown(url)}: an attacker on the network could replace the CA bundle. Use https://, "
            "or a path on the controller."
        )
    # Unlike Path.is_file, isfile returns False for a path that is too long.
    readable = os.path.isfile(url) and os.access(url, os.R_OK)  # noqa: PTH113
    if fastapi_app_state == "present" and url.startswith("/") and not readable:
        yield (
            f"fastapi_app_database_ca_url is {shown(url)}, which your user on the controller cannot read. Correct the path, or "
            "leave the setting empty for no bundle."
        )


def source(fastapi_app_source: Mapping[str, Any]) -> Iterator[str]:
    """Find a source that the role cannot or may not fetch."""
    kind, file, url, version, checksum = (
        str(fastapi_app_source.get(key) or "") for key in ("type", "path", "url", "version", "sha256")
    )
    accepted = ""
    if not kind:
        accepted = (
            '"type" is one of local (with "path", a directory on the controller), git (with "url" and "version"), archive (with '
            '"path", a file on the controller, or "url" and "sha256")'
        )
    elif kind == "local" and not (file and Path(file).is_dir()):
        accepted = 'a local source needs "path", an existing directory on the controller'
    elif kind == "archive" and file and not Path(file).is_file():
        accepted = '"path" is a file on the controller'
    elif kind != "git" and file and not os.access(file, os.R_OK | (os.X_OK if kind == "local" else 0)):
        accepted = '"path" is one that your user on the controller can read'
    elif (
        kind == "archive"
        and not file
        and not re.fullmatch(rf"({ADDRESS})\n[0-9a-f]{{64}}", f"{url}\n{checksum}")
    ):
        accepted = 'an archive needs "path", a file on the controller, or "url", without "@" and "?", with its "sha256"'
    elif kind != "git":
        return
    elif not re.fullmatch(GIT, url):
        accepted = (
            'a git source needs "url", with no password, token or name before an "@", and no "?" (use a deploy key on the server; '
            "write an @ of the path as %40)"
        )
    elif not version:
        accepted = 'a git source needs "version", a branch, tag or commit'
    # A full commit hash is a checksum of the whole content.
    elif re.match(r"(http|git)://", url) and not LOOPBACK.match(url) and not re.fullmatch(COMMIT, version):
        accepted = (
            'https:// or ssh://, or the full commit hash (40 digits) as "version", since an attacker on the network could replace '
            "the program"
        )
    if accepted:
        yield sentence("fastapi_app_source", fastapi_app_source, accepted)


def release_path(
    part: str,
    fastapi_app_release_path: str,
    ansible_check_mode: bool,
    __fastapi_app_path: str,
    __fastapi_app_releases: str,
) -> Iterator[str]:
    """Find an activation without a release."""
    if part == "activate" and not (__fastapi_app_path or ansible_check_mode):
        accepted = f"a directory below {__fastapi_app_releases}"
        built = 'Run the role\'s "release" entry point earlier in the same play, or set the directory'
        yield sentence("fastapi_app_release_path", fastapi_app_release_path, f"{accepted}. {built}")


def run(part: str, fastapi_app_run: list[str]) -> Iterator[str]:
    """Find an entry point without its command."""
    if part == "run" and not fastapi_app_run:
        yield sentence(
            "fastapi_app_run", [], "a command, such as -e '{fastapi_app_run: [python, -m, app.report]}'"
        )


TABLE = Table(
    KINDS,
    [
        state,
        users,
        ports,
        directories,
        writable_paths,
        shared_directories,
        server,
        database_ca,
        source,
        release_path,
        run,
    ],
    PARTS,
    others=["fastapi_app_result", "fastapi_app_status"],
    secrets=["fastapi_app_environment"],
)
