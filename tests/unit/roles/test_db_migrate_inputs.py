"""Settings that try to break the role db_migrate: refused by name before any change to the server, or accepted.

One playbook applies the role, in check mode and to a server without a release: what is accepted ends there.
"""

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles.preflight_runs import ANSIBLE, INLINE

ROOT = Path(__file__).parents[3]
specification = importlib.util.spec_from_file_location(
    "db_migrate_preflight", ROOT / "plugins/filter/db_migrate_preflight.py"
)
PREFLIGHT = importlib.util.module_from_spec(specification)
specification.loader.exec_module(PREFLIGHT)

NAME_63 = "a" * 63
DATABASE = {
    "host": "db.example",
    "port": 5432,
    "name": "shop",
    "admin_user": "boss",
    "admin_password": "pass word ü",
}
OWNER = {"user": "shop_owner", "password": "owner-password"}
APP = {"user": "shop_app", "password": "app-password"}
RIGHT = {"db_migrate_database": DATABASE, "db_migrate_owner": OWNER, "db_migrate_app": APP}


def database(**other: Any) -> dict[str, Any]:
    return {"db_migrate_database": {**DATABASE, **other}}


def app(**other: Any) -> dict[str, Any]:
    return {"db_migrate_app": {**APP, **other}}


# The settings of a case, and parts of the expected message.
REFUSED = {
    "unknown setting": (
        {"db_migrate_collaton": "C"},
        "db_migrate_collaton is not a setting",
        "db_migrate_collation?",
    ),
    "unknown key": (database(hots="x"), "hots. Supported parameters include"),
    "unknown part": (
        {"db_migrate_connection_variables": {"hots": "DB_HOST"}},
        "hots. Supported parameters include",
    ),
    "unknown state": ({"db_migrate_state": "gone"}, "db_migrate_state", "present, absent"),
    "text for what serves": ({"db_migrate_serving": "0001"}, "db_migrate_serving", "list"),
    "lock by a relative path": (
        {"db_migrate_keep_fresh": "lock.json"},
        "db_migrate_keep_fresh is",
        "or empty",
    ),
    "no database": ({"db_migrate_database": {}}, "db_migrate_database lacks host, port, name, admin_user"),
    "null for the database": ({"db_migrate_database": None}, "db_migrate_database' is of type NoneType"),
    "null for a password": (app(password=None), "db_migrate_app lacks password"),
    "empty user": (app(user=""), "db_migrate_app lacks user"),
    "text for the database": ({"db_migrate_database": "postgresql://u:p@h/db"}, "db_migrate_database"),
    "absent with data, but no database": (
        {"db_migrate_state": "absent", "db_migrate_remove_data": "on", "db_migrate_database": {}},
        "db_migrate_database lacks",
    ),
    # Host, port, name.
    "URL with credentials": (
        database(host="postgresql://boss:s3cret-thing@h:5432/db"),
        "db_migrate_database.host is not a host name",
    ),
    "user in the host": (database(host="boss:s3cret-thing@h"), "db_migrate_database.host is not a host name"),
    "port in the host": (database(host="db.example:5432"), "db_migrate_database.host is not a host name"),
    "shell in the host": (database(host="$(reboot)"), "db_migrate_database.host is not a host name"),
    "newline in the host": (database(host="db.example\nx"), "db_migrate_database.host is not a host name"),
    "Korean host": (database(host="데이터베이스"), "db_migrate_database.host is not a host name"),
    "port 0": (database(port=0), "db_migrate_database.port is 0; accepted: 1 to 65535"),
    "port 65536": (database(port=65536), "db_migrate_database.port is 65536"),
    "port of letters": (database(port="postgresql"), "port", "postgresql"),
    "quotes in the name": (database(name='shop"; DROP'), "db_migrate_database.name is"),
    "database of RDS": (database(name="rdsadmin"), "db_migrate_database.name is 'rdsadmin'"),
    "template": (database(name="template1"), "db_migrate_database.name is 'template1'"),
    "newline in the master's password": (
        database(admin_password="a\nb"),
        "db_migrate_database.admin_password is refused",
    ),
    # Roles.
    "reserved by PostgreSQL": (app(user="pg_app"), "db_migrate_app.user is 'pg_app'", "tableorder_app"),
    "reserved by RDS": (app(user="rdsadmin"), "db_migrate_app.user is 'rdsadmin'"),
    "keyword": (app(user="current_user"), "db_migrate_app.user is 'current_user'"),
    "public": (app(user="public"), "db_migrate_app.user is 'public'"),
    "upper case": (app(user="App"), "db_migrate_app.user is 'App'"),
    "64 letters": (app(user="a" * 64), "db_migrate_app.user is 'aaa"),
    "SQL in a user": (app(user='a"; DROP ROLE boss; --'), "db_migrate_app.user is"),
    "Korean user": (app(user="앱"), "db_migrate_app.user is '앱'"),
    "newline after the user": (app(user="shop_app\n"), "db_migrate_app.user is"),
    "one role for two purposes": (app(user="shop_owner"), "three different names"),
    "the master as application": (app(user="boss"), "three different names"),
    "short password": (
        app(password="1234567"),
        "db_migrate_app.password is refused; accepted: text of 8 to 128",
    ),
    "long password": (app(password="x" * 129), "db_migrate_app.password is refused"),
    "Korean password": (app(password="비밀번호비밀번호"), "db_migrate_app.password is refused"),
    "space in a password": (app(password="pass word"), "db_migrate_app.password is refused"),
    "newline in a password": (app(password="password\n"), "db_migrate_app.password is refused"),
    "number as password": (app(password=1234567890), "db_migrate_app.password is refused", "quote a number"),
    # Paths.
    "traversal in alembic_ini": (
        {"db_migrate_alembic_ini": "../../etc/alembic.ini"},
        "db_migrate_alembic_ini is",
    ),
    "absolute alembic_ini": ({"db_migrate_alembic_ini": "/etc/alembic.ini"}, "db_migrate_alembic_ini is"),
    "option as alembic_ini": ({"db_migrate_alembic_ini": "--help"}, "db_migrate_alembic_ini is"),
    "empty alembic_ini": ({"db_migrate_alembic_ini": ""}, "db_migrate_alembic_ini is ''"),
    "null for alembic_ini": ({"db_migrate_alembic_ini": None}, "db_migrate_alembic_ini is None"),
    "newline in alembic_ini": ({"db_migrate_alembic_ini": "a\nb"}, "db_migrate_alembic_ini is"),
    "traversal in the directory": ({"db_migrate_alembic_folder": "db/../.."}, "db_migrate_alembic_folder is"),
    "traversal in the venv": ({"db_migrate_venv": "../venv"}, "db_migrate_venv is"),
    "relative release": ({"db_migrate_release_path": "backend"}, "db_migrate_release_path is 'backend'"),
    "traversal in the release": (
        {"db_migrate_release_path": "/opt/../etc"},
        "db_migrate_release_path is '/opt/../etc'",
    ),
    "relative CA": ({"db_migrate_ca_cert": "rds-ca.pem"}, "db_migrate_ca_cert is 'rds-ca.pem'"),
    "shell in the user": ({"db_migrate_user": "x; reboot"}, "db_migrate_user is 'x; reboot'"),
    # Environment, command and the rest.
    "name with a space": ({"db_migrate_environment": {"A B": "x"}}, "db_migrate_environment contains 'A B'"),
    "name with '='": ({"db_migrate_environment": {"A=B": "x"}}, "db_migrate_environment contains 'A=B'"),
    "null in the environment": (
        {"db_migrate_environment": {"A": None}},
        "db_migrate_environment.A is a null",
    ),
    "list in the environment": (
        {"db_migrate_environment": {"A": ["x"]}},
        "db_migrate_environment.A is a list",
    ),
    "zero byte": (
        {"db_migrate_environment": {"A": "s3cret-thing\0"}},
        "db_migrate_environment.A contains a zero byte",
    ),
    "text for the environment": ({"db_migrate_environment": "A"}, "db_migrate_environment"),
    "no variable's name": ({"db_migrate_url_variable": "A-B"}, "db_migrate_url_variable is 'A-B'"),
    "PATH as variable": (
        {"db_migrate_connection_variables": {"host": "PATH"}},
        "db_migrate_connection_variables.host is 'PATH'",
    ),
    "one variable twice": (
        {"db_migrate_connection_variables": {"host": "DB", "name": "DB"}},
        "db_migrate_connection_variables.host and db_migrate_connection_variables.name are both 'DB'",
    ),
    "another database": ({"db_migrate_url_scheme": "mysql"}, "db_migrate_url_scheme is 'mysql'"),
    "whole URL as scheme": ({"db_migrate_url_scheme": "postgresql://x"}, "db_migrate_url_scheme is"),
    "list in the query": (
        {"db_migrate_url_query": {"ssl": ["x"]}},
        "db_migrate_url_query contains 'ssl' with a list",
    ),
    "text as command": (
        {"db_migrate_after_command": "python -m app; reboot"},
        "db_migrate_after_command is refused",
    ),
    "null in the command": ({"db_migrate_after_command": ["python", None]}, "db_migrate_after_command"),
    "no tries": ({"db_migrate_connect_tries": 0}, "db_migrate_connect_tries is 0"),
    "negative wait": ({"db_migrate_lock_wait": -1}, "db_migrate_lock_wait is -1"),
    "no time for a lock": (
        {"db_migrate_lock_timeout": 0},
        "db_migrate_lock_timeout is 0; accepted: a whole number from 1",
    ),
    "applied without contract": ({"db_migrate_applied": [{"id": "1"}]}, "db_migrate_applied is refused"),
    "lock for ever": ({"db_migrate_lock_timeout": 86401}, "db_migrate_lock_timeout is 86401"),
    "time with a unit": ({"db_migrate_lock_timeout": "5s"}, "db_migrate_lock_timeout is '5s'"),
    "half a second": ({"db_migrate_lock_timeout": 0.5}, "db_migrate_lock_timeout is 0.5"),
    "negative statement": (
        {"db_migrate_statement_timeout": -1},
        "db_migrate_statement_timeout is -1; accepted: a whole number from 0",
    ),
    "letters as a statement's time": (
        {"db_migrate_statement_timeout": "long"},
        "db_migrate_statement_timeout",
    ),
    "letters as wait": ({"db_migrate_lock_wait": "long"}, "db_migrate_lock_wait"),
    "empty collation": ({"db_migrate_collation": ""}, "db_migrate_collation is ''"),
}
ACCEPTED: dict[str, dict[str, Any]] = {
    "as little as possible": {},
    "longest names": {**database(name=NAME_63), **app(user=NAME_63)},
    "every sign in a password": app(password="".join(map(chr, range(0x21, 0x7F))).replace("{", "")),
    "longest password": app(password="x" * 128),
    "name with a dash": database(name="table-order"),
    "address as host": database(host="10.0.2.15"),
    "port as text": database(port="5432"),
    "any value in the environment": {
        "db_migrate_environment": {"A": "$HOME `id` 100% \"'\\ #\n김치", "B": 1, "C": True, "D": "", "E": 0.5}
    },
    "configuration in a directory": {
        "db_migrate_alembic_ini": "db/alembic.ini",
        "db_migrate_alembic_folder": "db",
    },
    "path with spaces and Korean": {"db_migrate_alembic_ini": "내 db/alembic.ini"},
    "no command": {"db_migrate_after_command": []},
    "shell as words": {"db_migrate_after_command": ["echo", "$(reboot); `id`"]},
    "no URL": {
        "db_migrate_url_variable": "",
        "db_migrate_connection_variables": {"host": "H", "password": "P"},
    },
    "async driver": {
        "db_migrate_url_scheme": "postgresql+asyncpg",
        "db_migrate_url_query": {"ssl": "verify-full"},
    },
    "statements that take as long as they take": {"db_migrate_statement_timeout": 0},
    "timeouts as text": {"db_migrate_lock_timeout": "1", "db_migrate_statement_timeout": "86400"},
    "what an earlier run has found": {"db_migrate_revisions": [{"id": "0001"}]},
    "text from the command line": {
        "db_migrate_lock_wait": "30",
        "db_migrate_no_log": "false",
        "db_migrate_remove_data": "false",
    },
}
CASES = {**{name: case[0] for name, case in REFUSED.items()}, **ACCEPTED}
# Cases of the specification and some others run through the role itself; the rest through its filter, which is fast. The
# order does not matter.
THROUGH_THE_ROLE = {
    "unknown setting",
    "unknown key",
    "unknown part",
    "unknown state",
    "null for the database",
    "text for the database",
    "port of letters",
    "letters as wait",
    "letters as a statement's time",
    "what an earlier run has found",
    "text for the environment",
    "null in the command",
    "absent with data, but no database",
    "list in the environment",
    "one role for two purposes",
    "Korean password",
    "as little as possible",
    "any value in the environment",
    "every sign in a password",
    "shell as words",
    "text from the command line",
}


@pytest.fixture(scope="module")
def messages(from_the_role) -> dict[str, str]:
    """Return the message of each refused case."""
    defaults = yaml.safe_load((ROOT / "roles/db_migrate/defaults/main.yml").read_text())
    found = dict(from_the_role)
    for name in CASES.keys() - THROUGH_THE_ROLE:
        problems = PREFLIGHT.setting_problems({**defaults, **RIGHT, **CASES[name]})
        if problems:
            found[name] = " ".join(problems)
    return found


@pytest.fixture(scope="module")
def from_the_role(tmp_path_factory) -> dict[str, str]:
    """Return the messages of the cases that the role itself refused."""
    return refusals(tmp_path_factory.mktemp("inputs"), THROUGH_THE_ROLE, INLINE)


def refusals(directory: Path, cases: set[str], program: list[str]) -> dict[str, str]:
    """Return the role's message for each refused case of ``cases``."""
    tasks = []
    for name in sorted(cases):
        settings = CASES[name]
        remember = f"{{{{ results | combine({{{name!r}: ansible_failed_result | to_json}}) }}}}"
        role = {"ansible.builtin.include_role": {"name": "table_order.infra.db_migrate"}}
        release = {"db_migrate_release_path": str(directory / "no-release")}
        tasks.append(
            {
                "block": [{**role, "vars": {**release, **RIGHT, **settings}}],
                "rescue": [{"ansible.builtin.set_fact": {"results": remember}}],
            }
        )
    output = {"content": "{{ results | to_json }}", "dest": str(directory / "results.json"), "mode": "0600"}
    tasks.append({"ansible.builtin.copy": output, "check_mode": False})
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"results": {}},
        "tasks": tasks,
    }
    playbook = directory / "inputs.yml"
    playbook.write_text(yaml.safe_dump([play], allow_unicode=True))
    (directory / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {ROOT}/.state/collections\n")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
    }
    run = subprocess.run(
        [*program, "--check", "--inventory=localhost,", playbook],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr
    found = json.loads((directory / "results.json").read_text())
    return {
        name: " ".join(json.dumps(json.loads(text), ensure_ascii=False).split())
        for name, text in found.items()
    }


def test_ansible_playbook_gives_the_same(from_the_role, tmp_path):
    some = {"unknown key", "null in the command", "Korean password", "shell as words"}
    said = refusals(tmp_path, some, ANSIBLE)
    assert said == {name: text for name, text in from_the_role.items() if name in some}
    assert some - said.keys() == {"shell as words"}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_settings_name(messages, case):
    assert case in messages, "it was accepted"
    for part in REFUSED[case][1:]:
        assert part in messages[case].replace("\\\\", "\\")


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(messages, case):
    assert case not in messages


def test_no_refusal_shows_a_secret(messages):
    shown = "".join(messages.values())
    for secret in ("s3cret-thing", "owner-password", "app-password", "비밀번호", "1234567890"):
        assert secret not in shown
