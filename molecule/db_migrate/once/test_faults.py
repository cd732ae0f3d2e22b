"""Messages and state after faults; each case runs the role once."""

import json
from pathlib import Path
from typing import Any

import pytest
from playbook import SCENARIO, run, settings

HOST = "table-order-molecule-db_migrate-database"
SERVER = "table-order-molecule-db_migrate"
RELEASE = "/opt/fastapi-app/backend"
WRONG_PASSWORD = "nobody's-password"  # noqa: S105


def database(**other):
    right = {"host": HOST, "port": 5432, "name": "tableorder", "admin_user": "tableorder_admin"}
    return {"db_migrate_database": {**right, "admin_password": "master-password-1", **other}}


CASES = {
    "failing migration": {"vars": {}, "variants": ["0003_failing.py"]},
    "two heads": {"vars": {}, "variants": ["0002_other.py"]},
    "slow statement": {"vars": {"db_migrate_statement_timeout": 1}, "variants": ["0003_blocking.py"]},
    "failing command": {
        "vars": {"db_migrate_after_command": ["python", "-c", "raise SystemExit('no 김치')"]}
    },
    "wrong CA": {"vars": {"db_migrate_ca_cert": "/etc/ssl/certs/ca-certificates.crt"}},
    "unknown host": {"vars": database(host="no-such-host")},
    "closed port": {"vars": database(port=5433)},
    "wrong password": {"vars": database(admin_password=WRONG_PASSWORD)},
    "another collation": {"vars": {"db_migrate_collation": "ko_KR.UTF-8"}},
    "unreadable configuration": {"vars": {"db_migrate_alembic_ini": "closed.ini"}},
    "superuser": {"vars": {"db_migrate_app": {"user": "too_mighty", "password": "some-password"}}},
    "rotated": {"vars": {"db_migrate_app": {"user": "tableorder_app", "password": "Rotated-2"}}},
    "the other log-in": {
        "vars": {"db_migrate_app": {"user": "tableorder_app_clone", "password": "Other-3-log-in"}}
    },
    "rotated back": {"vars": {}},
}
REASONS = {
    "failing migration": ['relation "no_such_table" does not exist'],
    "two heads": ["has the heads 0002, 0002b. Order the heads"],
    "slow statement": [
        "took longer than db_migrate_statement_timeout (1 s)",
        "Nothing was changed: the database is still at 0002.",
    ],
    "failing command": ["failed with status 1: no 김치"],
    "wrong CA": [
        "certificate verify failed",
        "db_migrate_ca_cert (/etc/ssl/certs/ca-certificates.crt) does not contain the CA",
    ],
    "unknown host": ["could not translate host name", "Correct db_migrate_database.host"],
    "closed port": [f"Cannot connect to tableorder at {HOST}:5433", "security group"],
    "wrong password": ["db_migrate_database.admin_password is not the password of tableorder_admin"],
    "another collation": [
        "has the encoding UTF8 and the collation en_US.UTF-8",
        "or set db_migrate_encoding",
    ],
    "unreadable configuration": [
        f"{RELEASE}/closed.ini cannot be read by fastapi-app-migrate (db_migrate_user)"
    ],
    "superuser": ["too_mighty has SUPERUSER", "ALTER ROLE too_mighty NOSUPERUSER"],
}


def try_cases(directory: Path) -> tuple[dict[str, str], str]:
    """Apply the role once for each case, all in one playbook; returns the messages of those that failed, and the output.

    A case has "vars", and may have "variants": migrations that are added to the release for this case.
    """
    tasks: list[dict[str, Any]] = []
    for name, case in CASES.items():
        variants = case.get("variants", [])
        remember = f"{{{{ results | default({{}}) | combine({{{name!r}: ansible_failed_result.msg}}) }}}}"
        source = f"{SCENARIO}/files/variants/{{{{ item }}}}"
        target = f"{RELEASE}/migrations/versions/{{{{ item }}}}"
        role = {
            "ansible.builtin.include_role": {"name": "table_order.infra.db_migrate"},
            "vars": {"db_migrate_connect_tries": 1, **case["vars"]},
        }
        tasks += [
            {"ansible.builtin.copy": {"src": source, "dest": target, "mode": "0644"}, "loop": variants},
            {"block": [role], "rescue": [{"ansible.builtin.set_fact": {"results": remember}}]},
            {"ansible.builtin.file": {"path": target, "state": "absent"}, "loop": variants},
        ]
    messages, playbook = directory / "messages.json", directory / "cases.yml"
    write = {"content": "{{ results | to_json }}", "dest": str(messages), "mode": "0600"}
    tasks.append({"ansible.builtin.copy": write, "delegate_to": "localhost"})
    playbook.write_text(json.dumps([{"hosts": SERVER, "gather_facts": False, "tasks": tasks}]))
    # Without no_log only the modules redact secrets in a diff.
    result = run(playbook, "--diff", settings(db_migrate_no_log=False))
    assert result.status == 0, result.output
    said = json.loads(messages.read_text())
    return {name: " ".join(message.split()) for name, message in said.items()}, result.output


@pytest.fixture(scope="module")
def tried(host, sql, tmp_path_factory):
    host.check_output(f"install -m 0600 {RELEASE}/alembic.ini {RELEASE}/closed.ini")
    sql("CREATE ROLE too_mighty SUPERUSER")
    yield try_cases(tmp_path_factory.mktemp("cases"))
    sql("DROP ROLE too_mighty")
    host.check_output(f"rm {RELEASE}/closed.ini")


@pytest.mark.parametrize("case", REASONS)
def test_the_reason_and_the_fix_are_named(tried, case):
    for reason in REASONS[case]:
        assert reason in tried[0][case]


def test_nothing_else_fails(tried):
    assert set(tried[0]) == set(REASONS)


def test_a_changed_timeout_is_set_and_set_back(tried):
    # Once in the diff, and once in the report.
    for value in (1, 5):
        assert tried[1].count(f"tableorder_owner: statement_timeout {value}s in tableorder") == 2


def test_failing_migration_leaves_the_schema_as_it_was(tried, sql):
    assert sql("SELECT version_num FROM alembic_version") == "0002"
    assert sql("SELECT to_regclass('half_applied')") == ""


def test_the_message_of_a_failed_migration_has_no_secret(tried):
    # The statement that fails holds both secrets.
    assert "SELECT '******** postgresql://tableorder_owner:********@" in tried[0]["failing migration"]


@pytest.mark.parametrize(
    "secret",
    [
        "owner:pass",
        "2Fword",
        "needed-when-imported",
        WRONG_PASSWORD,
        "master-password",
        "Rotated-2",
        "Other-3-log-in",
    ],
)
def test_no_secret_is_shown(tried, secret):
    assert secret not in tried[1]


def test_the_other_log_in_has_the_rights_and_the_first_one_keeps_them(tried, sql):
    for user in ("tableorder_app", "tableorder_app_clone"):
        assert sql("SELECT count(*) FROM stores", user) == "1"
    assert "role tableorder_app_clone" in tried[1]


def test_a_rotated_password_is_set_and_set_back(tried):
    assert tried[1].count("tableorder_app: password") == 2 * 2
