"""Finds what cannot work in the role's settings, before the host is touched.

A sentence names the setting, its value, what is accepted or the fix. Values come as they were written, of any type.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Check = Callable[[object], bool]

# A path in a unit file, where "%", "$", quotes and spaces would be read as something else.
PATH = re.compile(r"(/(?!\.\.?(/|\Z))[A-Za-z0-9._-]+)+")
INNER = re.compile(r"(?!\.\.?(/|\Z))[A-Za-z0-9._-]+(/(?!\.\.?(/|\Z))[A-Za-z0-9._-]+)*")
# An address is shown, and written down: before an "@" or after a "?" there may be a password or a token.
ADDRESS = r"https?://[^\s@?]+"
NAME = r"(?!-)[\w.-]+"
GIT = re.compile(
    rf"(https?|git)://[^\s@?]+|ssh://({NAME}@)?{NAME}(:\d+)?/[^\s@?]+|file://\S+|{NAME}@{NAME}:[^\s:@?][^\s@?]*"
)
# What the role removes, or gives to root alone, must be nobody else's.
SYSTEM_FOLDERS = frozenset(f"/{name}" for name in (
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys",
    "tmp", "usr", "usr/bin", "usr/lib", "usr/local", "usr/sbin", "usr/share", "var", "var/cache", "var/lib", "var/log", "var/tmp",
))  # fmt: skip


def text(pattern: str | re.Pattern[str]) -> Check:
    """Return a check: a text that the whole pattern matches."""
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
    """Return a check: a list of which every element passes ``check``."""
    return lambda value: isinstance(value, list) and all(check(element) for element in value)


def one_of(*choices: object) -> Check:
    """Return a check: one of ``choices``."""
    return lambda value: any(
        value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in choices
    )


def own_folder(value: object) -> bool:
    """Say whether it is an absolute path that is no folder of the system."""
    return text(PATH)(value) and value not in SYSTEM_FOLDERS


def inner(value: object) -> bool:
    """Say whether it is a path inside the source, which may be the source itself."""
    return value == "." or text(INNER)(value)


def pattern(value: object) -> bool:
    """Say whether it is a regular expression."""
    try:
        re.compile(value)
    except (TypeError, re.error):
        return False
    return isinstance(value, str)


SWITCH = one_of(True, False)
# Given on the command line (-e name=true), where everything is a text.
FLAG = one_of(True, False, "true", "false")
WORD = text(r"[A-Za-z0-9._:/=,*\[\]~+-]+")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Never leaves the machine: the local cloud's.
LOOPBACK = re.compile(r"http://(127(\.\d{1,3}){3}|localhost|\[::1\])[:/]")
AN_OWN_FOLDER = (
    'an absolute path of letters, digits, ".", "_" and "-" that is no folder of the system, such as '
)
AN_INNER_PATH = 'a path inside the source, without "..", such as '
WORDS = "a list of single words, each of letters, digits and . _ : / = , * [ ] ~ + - (quote numbers)"

# Of each entry point: the setting, its check, and what is accepted.
SETTINGS: dict[str, dict[str, tuple[Check, str]]] = {
    "main": {
        "fastapi_app_state": (one_of("present", "absent"), "present or absent"),
        "fastapi_app_remove_data": (SWITCH, "true or false; true removes releases and logs with the rest"),
        "fastapi_app_home": (own_folder, AN_OWN_FOLDER + "/opt/table-order"),
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
            "a system user's name in lower case, at most 31 letters, not root, or nothing for none",
        ),
        "fastapi_app_service": (
            text(r"[A-Za-z0-9_-]+"),
            'a unit\'s name without ".service", such as table-order-backend',
        ),
        "fastapi_app_log_directory": (own_folder, AN_OWN_FOLDER + "/opt/table-order/logs"),
        "fastapi_app_log_days": (whole(1, 9999), "the number of days to keep, 1 to 9999"),
        "fastapi_app_update_system": (SWITCH, "true or false"),
        "fastapi_app_amazon_release": (
            text(r"|\d{4}(\.\d{1,2}\.\d{8})?|latest"),
            "a release of Amazon Linux, such as 2023.12.20260724, or nothing for the machine image's own",
        ),
        "fastapi_app_python": (
            text(r"python3\.(1[1-9]|[2-9][0-9])"),
            "python3.11 or newer, as the platform's packages name it",
        ),
        "fastapi_app_python_source": (
            one_of("platform", "uv"),
            "platform (its package) or uv (which downloads one)",
        ),
        "fastapi_app_system_packages": (
            each(text(r"[A-Za-z0-9][A-Za-z0-9._+:-]*")),
            "a list of package names of the host's platform, such as [libmagic1]",
        ),
        "fastapi_app_database_ca_url": (
            text(rf"{ADDRESS}|/\S+|"),
            'an https address (http on loopback) without a password or a "?", a path on the controller, or nothing',
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
            "an address to listen on; 127.0.0.1 unless the server is meant to be reached beside nginx",
        ),
        "fastapi_app_port": (whole(1024, 65535), "1024 to 65535 (the service has no right to a lower port)"),
        "fastapi_app_workers": (whole(1, 64), "1 to 64"),
        "fastapi_app_candidate_port": (
            whole(1024, 65535),
            "1024 to 65535, and another than fastapi_app_port",
        ),
        "fastapi_app_candidate_flag": (
            # Its folder is the role's, which also removes it.
            lambda value: text(PATH)(value) and own_folder(os.path.dirname(value)),  # noqa: PTH120 (Path drops a slash)
            "an absolute path below a folder of its own, such as /run/table-order/candidate-live",
        ),
        "fastapi_app_asset_archive": (own_folder, AN_OWN_FOLDER + "/opt/table-order/assets"),
        "fastapi_app_arguments": (each(WORD), WORDS),
        "fastapi_app_open_files": (whole(64, 1048576), "64 to 1048576"),
        "fastapi_app_writable_paths": (
            each(text(PATH)),
            'a list of absolute paths, each of letters, digits, ".", "_" and "-"',
        ),
        "fastapi_app_keep_releases": (
            whole(2, 99),
            "2 to 99; with fewer than two there is nothing to go back to",
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
            'a folder of fastapi_app_home/releases; the entry point "release" sets it',
        ),
        "fastapi_app_environment": (
            lambda value: isinstance(value, dict),
            "a dictionary of names and values",
        ),
        "fastapi_app_revisions": (
            each(
                lambda revision: isinstance(revision, dict) and {"id", "title", "contract"} <= revision.keys()
            ),
            "a list of dictionaries with id, title and contract, as db_migrate_revisions holds",
        ),
        "fastapi_app_health_url": (
            text(r"https?://[^\s@]+"),
            "an http(s) address without a password, such as http://127.0.0.1:8000/api/health",
        ),
        "fastapi_app_health_host": (
            text(r"[A-Za-z0-9.:_\[\]-]*"),
            "a host name, or nothing for the address's own",
        ),
        "fastapi_app_health_status": (
            lambda value: each(whole(100, 599))(value) and len(value) > 0,
            "a list of HTTP statuses, such as [200, 204]",
        ),
        "fastapi_app_health_body": (
            pattern,
            "a regular expression that is found in the body, or nothing for any body",
        ),
        "fastapi_app_health_names_release": (FLAG, "true or false"),
        "fastapi_app_health_times": (whole(1, 100), "1 to 100"),
        "fastapi_app_health_tries": (whole(1, 3600), "1 to 3600"),
        "fastapi_app_drain_seconds": (whole(0, 3600), "0 to 3600"),
        "fastapi_app_release": (
            text(r"|[A-Za-z0-9][A-Za-z0-9._-]*"),
            "a release's id, as playbooks/status.yml shows it, or nothing for the one before",
        ),
    },
}


# Of whatever takes the lock.
LOCK: dict[str, tuple[Check, str]] = {
    "fastapi_app_traffic_url": (
        text(r"|https?://[^\s@]+"),
        "an http(s) address without a password, such as http://127.0.0.1:8008/upstream, or nothing to do without",
    ),
    "fastapi_app_why": (text(r"[^\n]{0,200}"), "a line of at most 200 characters"),
    "fastapi_app_lock_wait": (whole(0, 86400), "seconds, 0 to 86400"),
    "fastapi_app_lock_lease": (whole(60, 86400), "seconds, 60 to 86400"),
    "fastapi_app_lock_break": (FLAG, "true or false"),
}
SETTINGS = {part: settings | LOCK for part, settings in SETTINGS.items()}


def shown(value: object) -> str:
    """Return a value as a message shows it: as JSON, without what may be a password in an address."""
    return re.sub(
        r'"([a-z+]+://)?(?:[^"\\]|\\.)*@', r'"\1***@', json.dumps(value, ensure_ascii=False, default=str)
    )


def archive_problem(source: dict[str, Any]) -> str | None:
    """Return what is missing for an archive to be fetched."""
    path = source.get("path")
    if path is None:
        fetchable = text(ADDRESS)(source.get("url")) and text(r"[0-9a-f]{64}")(source.get("sha256"))
        return (
            None
            if fetchable
            else 'an archive needs either "path", a file on the controller, or "url", without "@" and "?", with its "sha256"'
        )
    if not isinstance(path, str) or not Path(path).is_file():
        return 'its "path" is no file on the controller'
    return (
        None
        if os.access(path, os.R_OK)
        else 'its "path" is a file that this user of the controller may not read'
    )


def git_problem(source: dict[str, Any]) -> str | None:
    """Return why a repository cannot be fetched, or must not."""
    url, version = source.get("url"), str(source.get("version") or "")
    if not text(GIT)(url):
        return (
            'a git source needs "url", with no password, token or name before an "@", and no "?" (give the server a deploy '
            "key; an @ of the path is %40)"
        )
    # A name that begins with a dash would be an option of git.
    if not text(r"[A-Za-z0-9][A-Za-z0-9._/-]*")(version):
        return 'a git source needs "version", a branch, tag or commit'
    # A whole commit is the checksum of all that it holds.
    if (
        re.match(r"(http|git)://", str(url))
        and not LOOPBACK.match(str(url))
        and not COMMIT.fullmatch(version)
    ):
        return (
            "whoever is on the way could give the server another program under that name; use https:// or ssh://, or name "
            'the whole commit (40 digits) as "version"'
        )
    return None


def source_problem(source: object) -> str | None:
    """Return why the source cannot be fetched, and what one would look like that can."""
    kinds = (
        'local (with "path", a folder on the controller), git (with "url" and "version"), archive (with "path", a file on '
        'the controller, or "url" and "sha256")'
    )
    if not isinstance(source, dict) or source.get("type") not in ("local", "git", "archive"):
        return f'"type" is one of {kinds}'
    if unknown := set(source) - {"type", "path", "url", "version", "sha256", "strip"}:
        return f"it has no {', '.join(sorted(map(str, unknown)))}; known: type, path, url, version, sha256, strip"
    if not whole(0, 9)(source.get("strip") or 0):
        return '"strip" is the number of leading folders to leave out, 0 to 9'
    if source["type"] == "archive":
        return archive_problem(source)
    if source["type"] == "local":
        path = source.get("path")
        if not isinstance(path, str) or not Path(path).is_dir():
            return 'a local source needs "path", an existing folder on the controller'
        readable = os.access(path, os.R_OK | os.X_OK)
        return None if readable else 'its "path" is a folder that this user of the controller may not read'
    return git_problem(source)


def within(path: str, folder: str) -> bool:
    """Say whether a path is a folder, or below it."""
    return path == folder or path.startswith(f"{folder}/")


def folder_problems(settings: dict[str, Any]) -> list[str]:
    """Return a sentence for each folder that the role clears although it holds what must stay."""
    home, logs, archive = (
        str(settings[f"fastapi_app_{name}"]) for name in ("home", "log_directory", "asset_archive")
    )
    flag = str(Path(str(settings["fastapi_app_candidate_flag"])).parent)
    inner_folders = [f"{home}/{name}" for name in ("releases", "cache", "tools", "python")]
    others = [*inner_folders, logs, f"/var/lib/{settings['fastapi_app_user']}"]
    found = []
    for name, folder, taken in (
        ("fastapi_app_candidate_flag", flag, [*others, archive]),
        ("fastapi_app_asset_archive", archive, [*others, flag]),
    ):
        meets = [other for other in taken if within(folder, other) or within(other, folder)]
        if meets:
            found.append(
                f"{name} is {shown(settings[name])}, whose folder the role clears, and which meets {meets[0]}; give "
                "it a folder of its own"
            )
    return found


def user_problems(settings: dict[str, Any]) -> list[str]:
    """Return a sentence for each user that another one of the three is, too."""
    names = [f"fastapi_app_{kind}" for kind in ("user", "build_user", "migration_user")]
    return [
        f"{name} is {shown(settings[name])}, which is {other}; one could read the other's passwords: give each a name of its own"
        for place, name in enumerate(names)
        for other in names[:place]
        if settings[name] and settings[name] == settings[other]
    ]


def database_ca_problems(settings: dict[str, Any]) -> list[str]:
    """Return a sentence where the bundle comes in clear, or is a file that cannot be read on the controller."""
    path = str(settings["fastapi_app_database_ca_url"])
    if settings["fastapi_app_state"] != "present":
        return []
    if path.startswith("http://") and not LOOPBACK.match(path):
        return [
            f"fastapi_app_database_ca_url is {shown(path)}: whoever is on the way could name the authorities that the server "
            "believes; use https://, or a path on the controller"
        ]
    if not path.startswith("/"):
        return []
    # Unlike Path's, this says no where a path is too long.
    if os.path.isfile(path) and os.access(path, os.R_OK):  # noqa: PTH113
        return []
    return [
        f"fastapi_app_database_ca_url is {shown(path)}, which is no file that this user of the controller can read; "
        "correct the path, or set it to nothing for no bundle"
    ]


def problems(settings: dict[str, Any], part: str) -> list[str]:
    """Return a sentence for each of ``settings`` that the entry point ``part`` cannot work with."""
    found = [
        f"{name} is {shown('a secret' if name == 'fastapi_app_environment' else settings[name])}; accepted: {accepted}"
        for name, (check, accepted) in SETTINGS[part].items()
        if not check(settings[name])
    ]
    if part == "release" and (problem := source_problem(settings["fastapi_app_source"])):
        found.append(f"fastapi_app_source is {shown(settings['fastapi_app_source'])}; {problem}")
    if part == "main" and str(settings["fastapi_app_candidate_port"]) == str(settings["fastapi_app_port"]):
        found.append(
            f"fastapi_app_candidate_port is {shown(settings['fastapi_app_candidate_port'])}, which is fastapi_app_port; the new "
            "release runs beside the live one: give it a port of its own"
        )
    if part == "main":
        found += user_problems(settings)
        found += folder_problems(settings) + database_ca_problems(settings)
    if part != "main" and settings["fastapi_app_state"] == "absent":
        found.append(
            "fastapi_app_state is absent: there is nothing to deploy to; set it to present, or leave this out"
        )
    return found


def setting_names(part: str) -> list[str]:
    """Return the names of the settings that ``problems`` looks at."""
    return sorted({*SETTINGS[part], "fastapi_app_source", "fastapi_app_state"})


class FilterModule:
    """The filters of this file, by the names that task files use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "fastapi_app_problems": problems,
            "fastapi_app_setting_names": setting_names,
        }
