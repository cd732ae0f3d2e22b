"""Settings that try to break fastapi_app: each is refused by name before any change to the host, or accepted.

One play runs the role's preflight for all cases at once: every case is a host of its own.
"""

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.roles.modules import load
from tests.unit.roles.preflight_runs import assert_ansible_gives, run_play

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/fastapi_app"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
preflight = load("filter/fastapi_app_preflight.py")
# Lock settings belong to every part. A case without other settings checks them with "main".
SETTINGS = {name: part for part, settings in preflight.SETTINGS.items() for name in settings}
SETTINGS |= dict.fromkeys(preflight.LOCK, "main")

PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "block": [
                    {"ansible.builtin.include_role": {"name": str(ROLE), "tasks_from": "{{ part }}"}},
                    {"name": "Accepted", "ansible.builtin.debug": {"msg": "yes"}},
                ],
                "rescue": [
                    {"name": "Refused", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}
                ],
            }
        ],
    }
]

GIT = {"type": "git", "url": "https://git.example/shop.git", "version": "v1"}
HASH = "0" * 64


def source(**values) -> dict:
    return {"fastapi_app_source": values}


# The settings of a case, and a part of the expected message.
REFUSED = {
    "unknown": ({"fastapi_app_prot": 1}, "fastapi_app_prot is not a setting of this role. Did you mean fastapi_app_port?"),
    "several at once": (
        {"fastapi_app_user": "root", "fastapi_app_port": 80},
        'fastapi_app_user is "root"; accepted: a system user\'s name in lower case, not root',
    ),
    "home relative": ({"fastapi_app_home": "opt/x"}, 'fastapi_app_home is "opt/x"; accepted: an absolute path'),
    "home climbs": ({"fastapi_app_home": "/opt/../etc"}, "fastapi_app_home is"),
    "home of the system": ({"fastapi_app_home": "/usr"}, "not a system directory"),
    "home with a specifier": ({"fastapi_app_home": "/opt/%h"}, "fastapi_app_home is"),
    "home with a line break": ({"fastapi_app_home": "/opt/x\nUser=root"}, "fastapi_app_home is"),
    "home with a line break at its end": ({"fastapi_app_home": "/opt/x\n"}, "fastapi_app_home is"),
    "home in Korean": ({"fastapi_app_home": "/opt/주문"}, 'fastapi_app_home is "/opt/주문"'),
    "log directory of the system": ({"fastapi_app_log_directory": "/var/log"}, "fastapi_app_log_directory is"),
    "service with a path": ({"fastapi_app_service": "../x"}, "fastapi_app_service is"),
    "service with a shell": ({"fastapi_app_service": "x;reboot"}, "fastapi_app_service is"),
    "user with a shell": ({"fastapi_app_user": "x$(id)"}, "fastapi_app_user is"),
    "builder as root": ({"fastapi_app_build_user": "root"}, 'fastapi_app_build_user is "root"; accepted: a system user'),
    "builder is the service": (
        {"fastapi_app_build_user": "table-order"},
        'fastapi_app_build_user is "table-order", the same as fastapi_app_user. A shared user could read',
    ),
    "migrations by the builder": (
        {"fastapi_app_migration_user": "table-order-build"},
        "fastapi_app_migration_user is \"table-order-build\", the same as fastapi_app_build_user",
    ),
    "migrations with a shell": ({"fastapi_app_migration_user": "x;y"}, "fastapi_app_migration_user is"),
    "port too low": ({"fastapi_app_port": 80}, "fastapi_app_port is 80; accepted: 1024 to 65535"),
    "port too high": ({"fastapi_app_port": 65536}, "1024 to 65535"),
    "port as a word": ({"fastapi_app_port": "http"}, "1024 to 65535"),
    "port as a switch": ({"fastapi_app_port": True}, "1024 to 65535"),
    "port with a fraction": ({"fastapi_app_port": 8000.5}, "1024 to 65535"),
    "target with an option": ({"fastapi_app_asgi": "app.main:app --reload"}, "MODULE:ATTRIBUTE"),
    "target as a file": ({"fastapi_app_asgi": "app/main.py"}, "MODULE:ATTRIBUTE"),
    "argument with a line break": ({"fastapi_app_arguments": ["--reload\nUser=root"]}, "a list of single words"),
    "argument with a specifier": ({"fastapi_app_arguments": ["--root-path=%h"]}, "a list of single words"),
    "arguments as one text": ({"fastapi_app_arguments": "--reload --x"}, "a list of single words"),
    "host as a name": ({"fastapi_app_host": "localhost; reboot"}, "fastapi_app_host is"),
    "package with an option": ({"fastapi_app_system_packages": ["--allow-unauthenticated"]}, "a list of package names"),
    "packages as a text": ({"fastapi_app_system_packages": "gcc"}, "a list of package names"),
    "python too old": ({"fastapi_app_python": "python3.9"}, "python3.11 or newer"),
    "python by path": ({"fastapi_app_python": "/usr/bin/python3.11"}, "python3.11 or newer"),
    "python from elsewhere": ({"fastapi_app_python_source": "conda"}, "platform (its package) or uv"),
    "state misspelled": ({"fastapi_app_state": "absnet"}, "present or absent"),
    "switch as a text": ({"fastapi_app_update_system": "yes"}, "true or false"),
    "release of the platform": ({"fastapi_app_amazon_release": "2023;x"}, "fastapi_app_amazon_release is"),
    "one release kept": ({"fastapi_app_keep_releases": 1}, "2 to 99"),
    "writable path climbs": ({"fastapi_app_writable_paths": ["/srv/../etc"]}, "a list of absolute paths"),
    "working path climbs": ({"fastapi_app_working_path": "../x"}, "a path inside the source"),
    "backend path absolute": ({"fastapi_app_backend_path": "/etc"}, "fastapi_app_backend_path is"),
    "backend path with dots inside": ({"fastapi_app_backend_path": "a/../../b"}, "a path inside the source"),
    "front end climbs": ({"fastapi_app_frontends": ["../x"]}, "fastapi_app_frontends is"),
    "requirements with an option": ({"fastapi_app_requirements": "r.txt --pre"}, "fastapi_app_requirements is"),
    "dependencies by another tool": ({"fastapi_app_dependencies": "conda"}, "auto, requirements, uv or poetry"),
    "install argument with a shell": ({"fastapi_app_install_arguments": ["$(id)"]}, "a list of single words"),
    "no source": ({"fastapi_app_source": {}}, 'fastapi_app_source is {}; "type" is one of local'),
    "source without a type": (source(url="https://x"), '"type" is one of'),
    "source with an unknown key": ({"fastapi_app_source": GIT | {"branch": "x"}}, "unknown: branch; known: type"),
    "local source that is not there": (source(type="local", path="/nowhere"), "an existing directory on the controller"),
    "archive that is not there": (source(type="archive", path="/nowhere.zip"), "is not a file on the controller"),
    "archive that is a directory": (source(type="archive", path="/etc"), "is not a file on the controller"),
    "archive without a checksum": (source(type="archive", url="https://x/a.zip"), 'with its "sha256"'),
    "archive with a wrong strip": (source(type="archive", path="/etc/passwd", strip=-1), '"strip" is the number'),
    "git with a password": (
        {"fastapi_app_source": GIT | {"url": "https://me:tiger@git.example/shop.git"}},
        '"https://***@git.example/shop.git"',
    ),
    "git with a token": (
        {"fastapi_app_source": GIT | {"url": "https://tiger@git.example/shop.git"}},
        '"https://***@git.example/shop.git"',
    ),
    "git with a password of any letters": (
        {"fastapi_app_source": GIT | {"url": "https://me:a/tiger@b@git.example/shop.git"}},
        'a git source needs "url", with no password, token or name before an "@"',
    ),
    "git with a token in its query": ({"fastapi_app_source": GIT | {"url": GIT["url"] + "?token=x"}}, 'and no "?"'),
    "git by ssh without the slashes": (
        {"fastapi_app_source": GIT | {"url": "me:tiger@git.example:shop.git"}},
        '"***@git.example:shop.git"',
    ),
    "git by ssh with an option": ({"fastapi_app_source": GIT | {"url": "ssh://-oProxyCommand=id/x"}}, "fastapi_app_source is"),
    "git by name with an option": ({"fastapi_app_source": GIT | {"url": "-oProxy@x:y"}}, "fastapi_app_source is"),
    "git by ssh with a password": (
        {"fastapi_app_source": GIT | {"url": "ssh://me:tiger@git.example/shop.git"}},
        "ssh://***@git.example",
    ),
    "archive with a token in its query": (
        source(type="archive", url="https://x/a.zip?sig=1", sha256=HASH),
        'without "@" and "?"',
    ),
    "archive with a token": (source(type="archive", url="https://tiger@x/a.zip", sha256=HASH), "https://***@x/a.zip"),
    "database CA with a password": (
        {"fastapi_app_database_ca_url": "https://me:a/tiger@b@x/ca.pem"},
        'fastapi_app_database_ca_url is "https://***@x/ca.pem"; accepted: an https URL',
    ),
    "database CA with a password and no scheme": (
        {"fastapi_app_database_ca_url": "me:tiger@x/ca.pem"},
        'fastapi_app_database_ca_url is "***@x/ca.pem"',
    ),
    "database CA of a path too long": (
        {"fastapi_app_database_ca_url": "/" + "x" * 5000},
        "which your user on the controller cannot read",
    ),
    "database CA that is not there": (
        {"fastapi_app_database_ca_url": "/nowhere/ca.pem"},
        'fastapi_app_database_ca_url is "/nowhere/ca.pem", which your user on the controller cannot read',
    ),
    "archive with a password": (source(type="archive", url="https://me:tiger@x/a.zip", sha256=HASH), "https://***@x/a.zip"),
    "git that runs a program": ({"fastapi_app_source": GIT | {"url": "ext::sh -c id"}}, 'a git source needs "url"'),
    "git with an option": ({"fastapi_app_source": GIT | {"version": "--upload-pack=id"}}, 'a git source needs "version"'),
    "git in clear": (
        {"fastapi_app_source": GIT | {"url": "http://git.example/shop.git"}},
        "an attacker on the network could replace the program",
    ),
    "git by its own protocol": (
        {"fastapi_app_source": GIT | {"url": "git://git.example/shop.git", "version": "3f2a9c1"}},
        "an attacker on the network could replace the program",
    ),
    "git without a version": ({"fastapi_app_source": {"type": "git", "url": GIT["url"]}}, 'needs "version"'),
    "deploying what is absent": (
        {"fastapi_app_source": GIT, "fastapi_app_state": "absent"},
        "fastapi_app_state is absent, so the server cannot run a release",
    ),
    "environment as a list": ({"fastapi_app_environment": ["A=tiger"]}, "accepted: a dictionary of names and values"),
    "environment with a line break": ({"fastapi_app_environment": {"A": "tiger\nB=x"}}, "A contains a line break"),
    "environment with a wrong name": ({"fastapi_app_environment": {"A-B": "tiger"}}, "'A-B' is not a variable name"),
    "environment with null": ({"fastapi_app_environment": {"A": None}}, "A is a NoneType"),
    "health with a password": ({"fastapi_app_health_url": "http://me:tiger@x/"}, "an http(s) URL without a password"),
    "health of a file": ({"fastapi_app_health_url": "file:///etc/passwd"}, "an http(s) URL"),
    "health with a header": ({"fastapi_app_health_host": "x\r\nX-A: b"}, "a host name"),
    "health with no status": ({"fastapi_app_health_status": []}, "a list of HTTP statuses"),
    "health with a word": ({"fastapi_app_health_status": ["ok"]}, "a list of HTTP statuses"),
    "health with half a pattern": ({"fastapi_app_health_body": "("}, "a regular expression"),
    "activating nothing": ({"fastapi_app_release_path": ""}, "fastapi_app_release_path is not set"),
    "candidate on the service's port": (
        {"fastapi_app_candidate_port": 8000},
        "fastapi_app_candidate_port is 8000, the same as fastapi_app_port",
    ),
    "candidate port too low": ({"fastapi_app_candidate_port": 80}, "fastapi_app_candidate_port is 80"),
    "no workers": ({"fastapi_app_workers": 0}, "fastapi_app_workers is 0; accepted: 1 to 64"),
    "flag in a directory of everybody's": ({"fastapi_app_candidate_flag": "/run/live"}, "a separate directory"),
    "flag with a brace": ({"fastapi_app_candidate_flag": "/run/x/{live}"}, "fastapi_app_candidate_flag is"),
    "archive of the system": ({"fastapi_app_asset_archive": "/usr/share"}, "fastapi_app_asset_archive is"),
    "reason of two lines": ({"fastapi_app_why": "a\nb"}, "fastapi_app_why is"),
    "reason too long": ({"fastapi_app_why": "x" * 201}, "at most 200"),
    "lock waits forever": ({"fastapi_app_lock_wait": -1}, "fastapi_app_lock_wait is -1"),
    "traffic asked with a password": (
        {"fastapi_app_traffic_url": "http://me:tiger@127.0.0.1:8008/"},
        "an http(s) URL without a password",
    ),
    "lease too short": ({"fastapi_app_lock_lease": 5}, "fastapi_app_lock_lease is 5"),
    "force as a word": ({"fastapi_app_force": "please"}, 'fastapi_app_force is "please"'),
    "probed never": ({"fastapi_app_health_times": 0}, "fastapi_app_health_times is 0"),
    "drained backwards": ({"fastapi_app_drain_seconds": -1}, "fastapi_app_drain_seconds is -1"),
    "release that climbs": ({"fastapi_app_release": "../x"}, 'fastapi_app_release is "../x"'),
    "revisions without contract": ({"fastapi_app_revisions": [{"id": "1"}]}, "fastapi_app_revisions is"),
    "candidate on the service's port as a text": (
        {"fastapi_app_port": "9000", "fastapi_app_candidate_port": 9000},
        "the same as fastapi_app_port; the candidate runs next to the service: set a different port",
    ),
    "candidate past the last port": ({"fastapi_app_port": 65535}, "fastapi_app_candidate_port is"),
    "too many workers": ({"fastapi_app_workers": 65}, "fastapi_app_workers is 65"),
    "workers as a word": ({"fastapi_app_workers": "auto"}, 'fastapi_app_workers is "auto"; accepted: 1 to 64'),
    "flag relative": ({"fastapi_app_candidate_flag": "run/x/live"}, "fastapi_app_candidate_flag is"),
    "flag with a line break": ({"fastapi_app_candidate_flag": "/run/x/live\n"}, "fastapi_app_candidate_flag is"),
    "flag whose directory is the system's": ({"fastapi_app_candidate_flag": "/var/lib/live"}, "a separate directory"),
    "flag in the home": (
        {"fastapi_app_candidate_flag": "/opt/table-order/live"},
        'fastapi_app_candidate_flag is "/opt/table-order/live"; the role clears this directory, which overlaps with',
    ),
    "flag among the logs": (
        {"fastapi_app_log_directory": "/srv/logs", "fastapi_app_candidate_flag": "/srv/logs/live"},
        "which overlaps with /srv/logs. Set a separate directory",
    ),
    "flag in what the role remembers": (
        {"fastapi_app_candidate_flag": "/var/lib/table-order/live"},
        "which overlaps with /var/lib/table-order.",
    ),
    "flag among the kept files": (
        {"fastapi_app_asset_archive": "/srv/x", "fastapi_app_candidate_flag": "/srv/x/live"},
        "which overlaps with /srv/x.",
    ),
    "archive relative": ({"fastapi_app_asset_archive": "assets"}, "fastapi_app_asset_archive is"),
    "archive that is the home": (
        {"fastapi_app_asset_archive": "/opt/table-order"},
        'fastapi_app_asset_archive is "/opt/table-order"; the role clears this directory',
    ),
    "archive around the home": (
        {"fastapi_app_home": "/srv/shop/app", "fastapi_app_asset_archive": "/srv/shop"},
        'fastapi_app_asset_archive is "/srv/shop"; the role clears this directory',
    ),
    "archive of a release": (
        {"fastapi_app_asset_archive": "/opt/table-order/releases/assets"},
        "which overlaps with /opt/table-order/releases.",
    ),
    "archive around the logs": (
        {"fastapi_app_log_directory": "/srv/x/logs", "fastapi_app_asset_archive": "/srv/x"},
        "which overlaps with /srv/x/logs.",
    ),
    "reason as a list": ({"fastapi_app_why": ["a"]}, "a line of at most 200 characters"),
    "reason with a line break at its end": ({"fastapi_app_why": "a\n"}, "fastapi_app_why is"),
    "lock waits for more than a day": ({"fastapi_app_lock_wait": 86401}, "seconds, 0 to 86400"),
    "lock waits for a word": ({"fastapi_app_lock_wait": "10m"}, 'fastapi_app_lock_wait is "10m"; accepted: seconds'),
    "lease too long": ({"fastapi_app_lock_lease": 86401}, "seconds, 60 to 86400"),
    "lock broken perhaps": ({"fastapi_app_lock_break": "perhaps"}, 'fastapi_app_lock_break is "perhaps"; accepted: true'),
    "lock broken by a number": ({"fastapi_app_lock_break": 1}, "fastapi_app_lock_break is 1"),
    "force by a number": ({"fastapi_app_force": 1}, "fastapi_app_force is 1; accepted: true or false"),
    "probed for ever": ({"fastapi_app_health_times": 101}, "fastapi_app_health_times is 101; accepted: 1 to 100"),
    "probed at most never": ({"fastapi_app_health_tries": 0}, "fastapi_app_health_tries is 0; accepted: 1 to 3600"),
    "release named perhaps": (
        {"fastapi_app_health_names_release": "sometimes"},
        'fastapi_app_health_names_release is "sometimes"; accepted: true or false',
    ),
    "drained for hours": ({"fastapi_app_drain_seconds": 3601}, "0 to 3600"),
    "release that is an option": ({"fastapi_app_release": "--force"}, "a release ID from playbooks/status.yml"),
    "release as a path": ({"fastapi_app_release": "/opt/table-order/releases/x"}, "fastapi_app_release is"),
    "release as a number": ({"fastapi_app_release": 7}, "fastapi_app_release is 7"),
    "activating a path that climbs": ({"fastapi_app_release_path": "/opt/../etc"}, "fastapi_app_release_path is"),
}  # fmt: skip
CARRIED = {
    "defaults": {},
    "numbers as texts": {
        "fastapi_app_port": "8080",
        "fastapi_app_log_days": "7",
        "fastapi_app_keep_releases": "9",
    },
    "an argument with a list": {"fastapi_app_arguments": ["--forwarded-allow-ips=10.0.0.1,10.0.0.2"]},
    "an extra": {"fastapi_app_source": GIT, "fastapi_app_install_arguments": ["--extra=postgres"]},
    "a package alone": {"fastapi_app_asgi": "src:app"},
    "a git source": {"fastapi_app_source": GIT},
    "a git source in clear, whose commit is named": {
        "fastapi_app_source": GIT | {"url": "http://git.example/shop.git", "version": "3f2a" * 10}
    },
    "a git source of this machine": {"fastapi_app_source": GIT | {"url": "http://127.0.0.1:3000/shop.git"}},
    "a git source by ssh": {"fastapi_app_source": GIT | {"url": "git@github.com:me/shop.git"}},
    "a git source by ssh with a user": {
        "fastapi_app_source": GIT | {"url": "ssh://git@git.example/shop.git"}
    },
    "a database CA of the controller": {"fastapi_app_database_ca_url": str(ROLE / "defaults/main.yml")},
    "an archive by address": source(type="archive", url="https://x/a.zip", sha256=HASH, strip=1),
    "the whole source": {
        "fastapi_app_source": GIT,
        "fastapi_app_backend_path": ".",
        "fastapi_app_frontends": [],
    },
    "texts of the command line for a deployment": {
        "fastapi_app_source": GIT,
        "fastapi_app_force": "true",
        "fastapi_app_why": '급한 수정: {{ 7 }} 100% "now"',
        "fastapi_app_lock_wait": "600",
        "fastapi_app_lock_lease": "60",
        "fastapi_app_lock_break": "false",
    },
    "texts of the command line for a rollback": {
        "fastapi_app_release": "3f2a9c1b7d10-a1b2c3-20261123T053000Z",
        "fastapi_app_health_names_release": "true",
        "fastapi_app_health_times": "1",
        "fastapi_app_drain_seconds": "0",
        "fastapi_app_lock_break": True,
        "fastapi_app_release_path": "/opt/table-order/releases/x",
    },
    "another candidate": {
        "fastapi_app_port": "9000",
        "fastapi_app_candidate_port": "8999",
        "fastapi_app_candidate_flag": "/run/shop/next/live",
        "fastapi_app_asset_archive": "/srv/assets",
        "fastapi_app_workers": "64",
    },
    "logs and archive side by side": {
        "fastapi_app_log_directory": "/srv/shop/logs",
        "fastapi_app_asset_archive": "/srv/shop/logs-and-assets",
    },
    "a Korean environment": {
        "fastapi_app_environment": {"A": "김치 $HOME %h \"x\" 'y' # z"},
        "fastapi_app_release_path": "/opt/table-order/releases/x",
    },
    "a Korean body": {
        "fastapi_app_health_body": "안녕|^ok$",
        "fastapi_app_release_path": "/opt/table-order/releases/x",
    },
}


def part(settings: dict) -> str:
    """Return the preflight that checks these settings."""
    names = [SETTINGS.get(name, "release" if name == "fastapi_app_source" else "main") for name in settings]
    chosen = next((name for name in ("activate", "release") if name in names), "main")
    return "preflight" if chosen == "main" else f"preflight_{chosen}"


CASES = {name: settings for name, (settings, _) in REFUSED.items()} | CARRIED


def host_name(case: str) -> str:
    return case.replace(" ", "-")


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> tuple:
    """Return the arguments of the play."""
    hosts = {}
    for name, settings in CASES.items():
        # A valid source, if the case tests other settings.
        base = {"fastapi_app_source": GIT} if part(settings) == "preflight_release" else {}
        hosts[host_name(name)] = {
            "ansible_connection": "local",
            "part": part(settings),
            **base,
            **settings,
        }
    return tmp_path_factory.mktemp("inputs"), PLAY, {"all": {"hosts": hosts}}


@pytest.fixture(scope="module")
def printed(given) -> str:
    """Return the output of the play, as JSON."""
    return run_play(*given)


@pytest.fixture(scope="module")
def answers(printed) -> dict[str, tuple[str, str]]:
    """Return for each case "Refused" with the message, or "Accepted"."""
    found = {}
    for task in json.loads(printed)["plays"][0]["tasks"]:
        for host, result in task["hosts"].items():
            if task["task"]["name"] in ("Refused", "Accepted"):
                found[host] = (task["task"]["name"], result["msg"])
    return {name: found[host_name(name)] for name in CASES}


def test_ansible_playbook_gives_the_same(printed, given):
    names = ("home in Korean", "no source", "environment with a line break", "activating nothing")
    carried = ("texts of the command line for a deployment", "a Korean environment")
    assert_ansible_gives(printed, [host_name(name) for name in (*names, *carried)], *given)


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_setting_is_refused_by_name_with_the_fix(answers, case):
    outcome, said = answers[case]
    assert outcome == "Refused", said
    assert REFUSED[case][1] in said
    assert "tiger" not in said


def test_all_problems_are_reported_at_once(answers):
    said = answers["several at once"][1]
    assert "fastapi_app_user is" in said
    assert "fastapi_app_port is" in said


@pytest.mark.parametrize("case", CARRIED)
def test_a_valid_setting_is_accepted(answers, case):
    assert answers[case][0] == "Accepted", answers[case][1]


@pytest.mark.parametrize("value", [None, {"a": 1}, [None], object], ids=str)
@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_type_is_refused_for_every_setting(name, value):
    if name == "fastapi_app_environment" and value == {"a": 1}:
        return
    settings = DEFAULTS | {"fastapi_app_source": GIT, name: value}
    assert f"{name} is " in " ".join(preflight.problems(settings, SETTINGS[name]))


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("http://pki.example.org/ca.pem", True),
        ("http://127.0.0.1.example.org/ca.pem", True),
        ("http://127.0.0.1:5000/local-cloud/database-ca.pem", False),
        ("https://pki.example.org/ca.pem", False),
    ],
)
def test_plain_http_for_the_ca_bundle_is_accepted_on_loopback_only(address, refused):
    found = preflight.database_ca_problems(DEFAULTS | {"fastapi_app_database_ca_url": address})
    assert [
        f'fastapi_app_database_ca_url is "{address}"' in one and "use https://" in one for one in found
    ] == [True] * refused


# Settings with a meaning for an empty value: no bundle, no pattern, the previous release, ...
MAY_BE_EMPTY = {
    "''": "amazon_release database_ca_url health_body health_host migration_user release release_path traffic_url why",
    "[]": "arguments frontends install_arguments revisions source_exclude system_packages writable_paths",
    "{}": "environment",
}


@pytest.mark.parametrize("value", ["", [], {}], ids=repr)
@pytest.mark.parametrize("name", SETTINGS)
def test_an_empty_value_is_refused_unless_it_has_a_meaning(name, value):
    said = " ".join(preflight.problems(DEFAULTS | {"fastapi_app_source": GIT, name: value}, SETTINGS[name]))
    assert (f"{name} is " not in said) == (
        name.removeprefix("fastapi_app_") in MAY_BE_EMPTY[repr(value)].split()
    )


@pytest.mark.parametrize("name", preflight.LOCK)
@pytest.mark.parametrize("entry", ["main", "release", "activate"])
def test_lock_settings_are_checked_in_every_part(entry, name):
    sound = DEFAULTS | {"fastapi_app_source": GIT}
    assert f"{name} is" in " ".join(preflight.problems(sound | {name: "\n"}, entry))
    assert name not in " ".join(preflight.problems(sound, entry))
    assert name in preflight.setting_names(entry)


def test_every_setting_is_checked():
    elsewhere = {"fastapi_app_source"}
    assert set(SETTINGS) | elsewhere == set(DEFAULTS)


def test_an_unreadable_path_on_the_controller_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.zip").touch()
    monkeypatch.setattr(preflight.os, "access", lambda *_: False)
    for kind, path in (("archive", tmp_path / "a.zip"), ("local", tmp_path)):
        problem = preflight.source_problem({"type": kind, "path": str(path)})
        assert "cannot read" in problem


def test_preflight_comes_before_any_change():
    """Preflight comes first in each entry point, and only asserts."""
    for entry, name in (
        ("main", "preflight"),
        ("release", "preflight_release"),
        ("check", "preflight_activate"),
        ("activate", "preflight_activate"),
        ("rollback", "preflight_rollback"),
    ):
        first = yaml.safe_load((ROLE / f"tasks/{entry}.yml").read_text())[0]
        assert first["ansible.builtin.import_tasks"] == f"{name}.yml"
        assert_only(name)


def assert_only(name: str) -> None:
    for task in yaml.safe_load((ROLE / f"tasks/{name}.yml").read_text()):
        if part := task.get("ansible.builtin.import_tasks"):
            assert_only(part.removesuffix(".yml"))
        else:
            assert "ansible.builtin.assert" in task
