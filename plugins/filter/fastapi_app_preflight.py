# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Finds invalid settings of the role, before any change to the host.

A sentence names the setting, its value, and the accepted form or the fix. Values may have any type, as written by the user.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Check = Callable[[object], bool]

# A path in a unit file, where "%", "$", quotes and spaces have special meanings.
PATH = re.compile(r"(/(?!\.\.?(/|\Z))[A-Za-z0-9._-]+)+")
INNER = re.compile(r"(?!\.\.?(/|\Z))[A-Za-z0-9._-]+(/(?!\.\.?(/|\Z))[A-Za-z0-9._-]+)*")
# Messages and files show a URL: before an "@" or after a "?" a URL may contain a password or a token.
ADDRESS = r"https?://[^\s@?]+"
NAME = r"(?!-)[\w.-]+"
GIT = re.compile(
    rf"(https?|git)://[^\s@?]+|ssh://({NAME}@)?{NAME}(:\d+)?/[^\s@?]+|file://\S+|{NAME}@{NAME}:[^\s:@?][^\s@?]*"
)
# The role removes directories or restricts them to root, so a shared system directory is refused.
SYSTEM_DIRECTORIES = frozenset(f"/{name}" for name in (
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys",
    "tmp", "usr", "usr/bin", "usr/lib", "usr/local", "usr/sbin", "usr/share", "var", "var/cache", "var/lib", "var/log", "var/tmp",
))  # fmt: skip


def text(pattern: str | re.Pattern[str]) -> Check:
    """Return a check: text that the pattern matches as a whole."""
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def whole(least: int, most: int) -> Check:
    """Return a check: a whole number, or its digits, from ``least`` to ``most``."""

    def check(value: object) -> bool:
        return (
            not isinstance(value, bool)
            and re.fullmatch(r"\d{1,9}", str(value)) is not None
            and least <= int(value) <= most
        )

    return check


def each(check: Check) -> Check:
    """Return a check: a list whose elements all pass ``check``."""
    return lambda value: isinstance(value, list) and all(check(element) for element in value)


def one_of(*choices: object) -> Check:
    """Return a check: one of ``choices``."""
    return lambda value: any(
        value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in choices
    )


def own_directory(value: object) -> bool:
    """Return whether the value is an absolute path and not a system directory."""
    return text(PATH)(value) and value not in SYSTEM_DIRECTORIES


def inner(value: object) -> bool:
    """Return whether the value is a path inside the source, or the source itself."""
    return value == "." or text(INNER)(value)


def pattern(value: object) -> bool:
    """Return whether the value is a regular expression."""
    try:
        re.compile(value)
    except (TypeError, re.error):
        return False
    return isinstance(value, str)


SWITCH = one_of(True, False)
# Given on the command line (-e name=true), where all values are text.
FLAG = one_of(True, False, "true", "false")
WORD = text(r"[A-Za-z0-9._:/=,*\[\]~+-]+")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Traffic that never leaves the machine, as in the local cloud.
LOOPBACK = re.compile(r"http://(127(\.\d{1,3}){3}|localhost|\[::1\])[:/]")
AN_OWN_DIRECTORY = 'an absolute path of letters, digits, ".", "_" and "-", not a system directory, such as '
AN_INNER_PATH = 'a path inside the source, without "..", such as '
WORDS = "a list of single words, each of letters, digits and . _ : / = , * [ ] ~ + - (quote numbers)"

# Per entry point: the setting, its check, and the accepted form.
SETTINGS: dict[str, dict[str, tuple[Check, str]]] = {
    "main": {
        "fastapi_app_state": (one_of("present", "absent"), "present or absent"),
        "fastapi_app_remove_data": (SWITCH, "true or false; true also removes releases"),
        "fastapi_app_home": (own_directory, AN_OWN_DIRECTORY + "/opt/table-order"),
        "fastapi_app_user": (
            lambda value: text(r"[a-z_][a-z0-9_-]{0,30}")(value) and value != "root",
            "a system user's name in lower case, not root; the application must not run with root's rights",
        ),
        "fastapi_app_build_user": (
            lambda value: text(r"[a-z_][a-z0-9_-]{0,30}")(value) and value != "root",
            "a system user's name in lower case, at most 31 letters, not root; build scripts must not run with root's rights",
        ),
        "fastapi_app_migration_user": (
            lambda value: text(r"([a-z_][a-z0-9_-]{0,30})?")(value) and value != "root",
            "a system user's name in lower case, at most 31 letters, not root, or empty for no user",
        ),
        "fastapi_app_service": (
            text(r"[A-Za-z0-9_-]+"),
            'a unit\'s name without ".service", such as table-order-backend',
        ),
        "fastapi_app_log_directory": (own_directory, AN_OWN_DIRECTORY + "/opt/table-order/logs"),
        "fastapi_app_log_days": (whole(1, 9999), "the number of days to keep, 1 to 9999"),
        "fastapi_app_update_system": (SWITCH, "true or false"),
        "fastapi_app_amazon_release": (
            text(r"|\d{4}(\.\d{1,2}\.\d{8})?|latest"),
            "a release of Amazon Linux, such as 2023.12.20260724, or empty for the release of the machine image",
        ),
        "fastapi_app_python": (
            text(r"python3\.(1[1-9]|[2-9][0-9])"),
            "python3.11 or newer, as the platform's packages name it",
        ),
        "fastapi_app_python_source": (
            one_of("platform", "uv"),
            "platform (its package) or uv (a download)",
        ),
        "fastapi_app_system_packages": (
            each(text(r"[A-Za-z0-9][A-Za-z0-9._+:-]*")),
            "a list of package names of the host's platform, such as [libmagic1]",
        ),
        "fastapi_app_database_ca_url": (
            text(rf"{ADDRESS}|/\S+|"),
            'an https URL (http on loopback) without a password or a "?", a path on the controller, or empty',
        ),
        "fastapi_app_database_ca_path": (
            text(PATH),
            "an absolute path on the server, such as /etc/ssl/certs/rds-ca.pem",
        ),
        "fastapi_app_asgi": (
            text(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*"),
            "MODULE:ATTRIBUTE, such as app.main:app; add --factory to fastapi_app_arguments for a function",
        ),
        "fastapi_app_working_path": (
            inner,
            AN_INNER_PATH + 'src, or "." for fastapi_app_backend_path itself',
        ),
        "fastapi_app_host": (
            text(r"[0-9a-fA-F.:]+"),
            "an address to listen on; 127.0.0.1 unless clients must bypass nginx",
        ),
        "fastapi_app_port": (whole(1024, 65535), "1024 to 65535 (the service may not open a lower port)"),
        "fastapi_app_workers": (whole(1, 64), "1 to 64"),
        "fastapi_app_candidate_port": (
            whole(1024, 65535),
            "1024 to 65535, different from fastapi_app_port",
        ),
        "fastapi_app_candidate_flag": (
            # The role owns and removes the flag's directory.
            lambda value: text(PATH)(value) and own_directory(os.path.dirname(value)),  # noqa: PTH120 (Path drops a slash)
            "an absolute path in a separate directory, such as /run/table-order/candidate-live",
        ),
        "fastapi_app_asset_archive": (own_directory, AN_OWN_DIRECTORY + "/opt/table-order/assets"),
        "fastapi_app_arguments": (each(WORD), WORDS),
        "fastapi_app_open_files": (whole(64, 1048576), "64 to 1048576"),
        "fastapi_app_writable_paths": (
            each(text(PATH)),
            'a list of absolute paths, each of letters, digits, ".", "_" and "-"',
        ),
        "fastapi_app_keep_releases": (
            whole(2, 99),
            "2 to 99; a rollback needs at least two releases",
        ),
        "fastapi_app_no_log": (SWITCH, "true or false"),
    },
    "release": {
        "fastapi_app_source_exclude": (
            each(text(r"[^/\n]+")),
            "a list of shell patterns of names, without /",
        ),
        "fastapi_app_backend_path": (inner, AN_INNER_PATH + 'backend, or "." for the source itself'),
        "fastapi_app_frontend_path": (inner, AN_INNER_PATH + 'frontend, or "." for the source itself'),
        "fastapi_app_frontends": (
            each(text(INNER)),
            "a list of paths inside fastapi_app_frontend_path, such as [customer-ui]",
        ),
        "fastapi_app_dependencies": (
            one_of("auto", "requirements", "uv", "poetry"),
            "auto, requirements, uv or poetry",
        ),
        "fastapi_app_force": (FLAG, "true or false"),
        "fastapi_app_requirements": (text(INNER), AN_INNER_PATH + "requirements.txt"),
        "fastapi_app_require_hashes": (SWITCH, "true or false"),
        "fastapi_app_install_arguments": (each(WORD), WORDS),
    },
    "activate": {
        "fastapi_app_release_path": (
            lambda value: value == "" or text(PATH)(value),
            'a directory of fastapi_app_home/releases; the entry point "release" sets it',
        ),
        "fastapi_app_environment": (
            lambda value: isinstance(value, dict),
            "a dictionary of names and values",
        ),
        "fastapi_app_revisions": (
            each(
                lambda revision: isinstance(revision, dict) and {"id", "title", "contract"} <= revision.keys()
            ),
            "a list of dictionaries with id, title and contract, like db_migrate_revisions",
        ),
        "fastapi_app_health_url": (
            text(r"https?://[^\s@]+"),
            "an http(s) URL without a password, such as http://127.0.0.1:8000/api/health",
        ),
        "fastapi_app_health_host": (
            text(r"[A-Za-z0-9.:_\[\]-]*"),
            "a host name, or empty for the host of the URL",
        ),
        "fastapi_app_health_status": (
            lambda value: each(whole(100, 599))(value) and len(value) > 0,
            "a list of HTTP statuses, such as [200, 204]",
        ),
        "fastapi_app_health_body": (
            pattern,
            "a regular expression that matches the body, or empty for any body",
        ),
        "fastapi_app_health_names_release": (FLAG, "true or false"),
        "fastapi_app_health_times": (whole(1, 100), "1 to 100"),
        "fastapi_app_health_tries": (whole(1, 3600), "1 to 3600"),
        "fastapi_app_drain_seconds": (whole(0, 3600), "0 to 3600"),
        "fastapi_app_release": (
            text(r"|[A-Za-z0-9][A-Za-z0-9._-]*"),
            "a release ID from playbooks/status.yml, or empty for the previous release",
        ),
    },
}


# Settings of every entry point that takes the lock.
LOCK: dict[str, tuple[Check, str]] = {
    "fastapi_app_traffic_url": (
        text(r"|https?://[^\s@]+"),
        "an http(s) URL without a password, such as http://127.0.0.1:8008/upstream, or empty to skip the check",
    ),
    "fastapi_app_why": (text(r"[^\n]{0,200}"), "a line of at most 200 characters"),
    "fastapi_app_lock_wait": (whole(0, 86400), "seconds, 0 to 86400"),
    "fastapi_app_lock_lease": (whole(60, 86400), "seconds, 60 to 86400"),
    "fastapi_app_lock_break": (FLAG, "true or false"),
}
SETTINGS = {part: settings | LOCK for part, settings in SETTINGS.items()}


def shown(value: object) -> str:
    """Return a value for a message: as JSON, with possible passwords in URLs redacted."""
    return re.sub(
        r'"([a-z+]+://)?(?:[^"\\]|\\.)*@', r'"\1***@', json.dumps(value, ensure_ascii=False, default=str)
    )


def archive_problem(source: dict[str, Any]) -> str | None:
    """Return the missing part of an archive source, or None."""
    path = source.get("path")
    if path is None:
        fetchable = text(ADDRESS)(source.get("url")) and text(r"[0-9a-f]{64}")(source.get("sha256"))
        return (
            None
            if fetchable
            else 'an archive needs "path", a file on the controller, or "url", without "@" and "?", with its "sha256"'
        )
    if not isinstance(path, str) or not Path(path).is_file():
        return '"path" is not a file on the controller'
    return (
        None if os.access(path, os.R_OK) else '"path" is a file that your user on the controller cannot read'
    )


def git_problem(source: dict[str, Any]) -> str | None:
    """Return why the role refuses a repository, or None."""
    url, version = source.get("url"), str(source.get("version") or "")
    if not text(GIT)(url):
        return (
            'a git source needs "url", with no password, token or name before an "@", and no "?" (use a deploy key on the '
            "server; write an @ of the path as %40)"
        )
    # git would read a name with a leading dash as an option.
    if not text(r"[A-Za-z0-9][A-Za-z0-9._/-]*")(version):
        return 'a git source needs "version", a branch, tag or commit'
    # A full commit hash is a checksum of the whole content.
    if (
        re.match(r"(http|git)://", str(url))
        and not LOOPBACK.match(str(url))
        and not COMMIT.fullmatch(version)
    ):
        return (
            "an attacker on the network could replace the program; use https:// or ssh://, or set the full commit hash "
            '(40 digits) as "version"'
        )
    return None


def source_problem(source: object) -> str | None:
    """Return why the role refuses the source, with the accepted form, or None."""
    kinds = (
        'local (with "path", a directory on the controller), git (with "url" and "version"), archive (with "path", a file on '
        'the controller, or "url" and "sha256")'
    )
    if not isinstance(source, dict) or source.get("type") not in ("local", "git", "archive"):
        return f'"type" is one of {kinds}'
    if unknown := set(source) - {"type", "path", "url", "version", "sha256", "strip"}:
        return (
            f"unknown: {', '.join(sorted(map(str, unknown)))}; known: type, path, url, version, sha256, strip"
        )
    if not whole(0, 9)(source.get("strip") or 0):
        return '"strip" is the number of leading directories to strip, 0 to 9'
    if source["type"] == "archive":
        return archive_problem(source)
    if source["type"] == "local":
        path = source.get("path")
        if not isinstance(path, str) or not Path(path).is_dir():
            return 'a local source needs "path", an existing directory on the controller'
        readable = os.access(path, os.R_OK | os.X_OK)
        return None if readable else '"path" is a directory that your user on the controller cannot read'
    return git_problem(source)


def within(path: str, directory: str) -> bool:
    """Return whether a path equals a directory or lies below the directory."""
    return path == directory or path.startswith(f"{directory}/")


def directory_problems(settings: dict[str, Any]) -> list[str]:
    """Return a sentence for each directory that the role would clear together with needed files."""
    home, logs, archive = (
        str(settings[f"fastapi_app_{name}"]) for name in ("home", "log_directory", "asset_archive")
    )
    flag = str(Path(str(settings["fastapi_app_candidate_flag"])).parent)
    inner_directories = [f"{home}/{name}" for name in ("releases", "cache", "tools", "python")]
    others = [*inner_directories, logs, f"/var/lib/{settings['fastapi_app_user']}"]
    found = []
    for name, directory, taken in (
        ("fastapi_app_candidate_flag", flag, [*others, archive]),
        ("fastapi_app_asset_archive", archive, [*others, flag]),
    ):
        meets = [other for other in taken if within(directory, other) or within(other, directory)]
        if meets:
            found.append(
                f"{name} is {shown(settings[name])}; the role clears this directory, which overlaps with {meets[0]}. Set a "
                "separate directory"
            )
    return found


def user_problems(settings: dict[str, Any]) -> list[str]:
    """Return a sentence for each user that equals another of the three users."""
    names = [f"fastapi_app_{kind}" for kind in ("user", "build_user", "migration_user")]
    return [
        f"{name} is {shown(settings[name])}, the same as {other}. A shared user could read all passwords: set different names"
        for place, name in enumerate(names)
        for other in names[:place]
        if settings[name] and settings[name] == settings[other]
    ]


def database_ca_problems(settings: dict[str, Any]) -> list[str]:
    """Return a sentence for a CA bundle over plain http, or an unreadable file on the controller."""
    path = str(settings["fastapi_app_database_ca_url"])
    if settings["fastapi_app_state"] != "present":
        return []
    if path.startswith("http://") and not LOOPBACK.match(path):
        return [
            f"fastapi_app_database_ca_url is {shown(path)}: an attacker on the network could replace the CA bundle; "
            "use https://, or a path on the controller"
        ]
    if not path.startswith("/"):
        return []
    # Unlike Path.is_file, isfile returns False for a path that is too long.
    if os.path.isfile(path) and os.access(path, os.R_OK):  # noqa: PTH113
        return []
    return [
        f"fastapi_app_database_ca_url is {shown(path)}, which your user on the controller cannot read; "
        "correct the path, or leave the setting empty for no bundle"
    ]


def problems(settings: dict[str, Any], part: str) -> list[str]:
    """Return a sentence for each of ``settings`` that the entry point ``part`` refuses."""
    found = [
        f"{name} is {shown('a secret' if name == 'fastapi_app_environment' else settings[name])}; accepted: {accepted}"
        for name, (check, accepted) in SETTINGS[part].items()
        if not check(settings[name])
    ]
    if part == "release" and (problem := source_problem(settings["fastapi_app_source"])):
        found.append(f"fastapi_app_source is {shown(settings['fastapi_app_source'])}; {problem}")
    if part == "main" and str(settings["fastapi_app_candidate_port"]) == str(settings["fastapi_app_port"]):
        found.append(
            f"fastapi_app_candidate_port is {shown(settings['fastapi_app_candidate_port'])}, the same as fastapi_app_port; the "
            "candidate runs next to the service: set a different port"
        )
    if part == "main":
        found += user_problems(settings)
        found += directory_problems(settings) + database_ca_problems(settings)
    if part != "main" and settings["fastapi_app_state"] == "absent":
        found.append(
            "fastapi_app_state is absent, so the server cannot run a release; set fastapi_app_state to present"
        )
    return found


def setting_names(part: str) -> list[str]:
    """Return the names of the settings that ``problems`` checks."""
    return sorted({*SETTINGS[part], "fastapi_app_source", "fastapi_app_state"})


class FilterModule:
    """The filters of this file, by the names that task files use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "fastapi_app_problems": problems,
            "fastapi_app_setting_names": setting_names,
        }
