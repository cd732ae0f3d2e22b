"""What the role has done to the database, and what it does when something is wrong."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
SERVER = "table-order-molecule-db_migrate"
DATABASE = "table-order-molecule-db_migrate-database"
PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
VERSIONS = "/opt/table-order/backend/migrations/versions"


def sql(statement: str, role: str = "rdsadmin") -> str:
    """Run SQL inside the database's container, as superuser or after SET ROLE; errors are returned like answers."""
    command = [ENGINE, "exec", DATABASE, "psql", "--username=rdsadmin", "--dbname=tableorder", "-qtA"]
    command += ["--command", f"SET ROLE {role}", "--command", statement]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return (run.stdout + run.stderr).strip()


def start(*arguments: str) -> subprocess.Popen:
    command = ["ansible-playbook", f"--inventory={PROJECT / 'molecule/shared/inventory'}"]
    command += [f"--inventory={SCENARIO / 'inventory'}", str(SCENARIO / "converge.yml"), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def role(*arguments: str) -> tuple[int, str]:
    """Apply the role; returns the exit status and everything it printed, wrapped lines joined."""
    run = start(*arguments)
    output, _ = run.communicate()
    return run.returncode, re.sub(r"\s+", " ", output)


def changed(output: str) -> int:
    return int(re.search(r"changed=(\d+)", output)[1])


@pytest.fixture
def migration(host):
    """Put one more migration into the release, and take it out afterwards, with what it made."""
    names = []

    def add(name: str) -> None:
        subprocess.run(
            [ENGINE, "cp", str(SCENARIO / "files/variants" / name), f"{SERVER}:{VERSIONS}/{name}"], check=True
        )
        names.append(name)

    yield add
    for name in names:
        host.run(f"rm -rf {VERSIONS}/{name} {VERSIONS}/__pycache__")
    sql("DROP TABLE IF EXISTS slow; UPDATE alembic_version SET version_num = '0002'")


def test_schema_is_at_the_release(host):
    assert sql("SELECT version_num FROM alembic_version") == "0002"
    assert sql("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'") == "tableorder_owner"


def test_after_command_ran_as_the_application_with_its_environment(host):
    assert sql("SELECT name FROM stores") == "$HOME 100% 김치찌개"


def test_application_may_work_with_rows(host):
    sql(
        "INSERT INTO stores (name) VALUES ('x'); UPDATE stores SET name = 'y' WHERE name = 'x'",
        "tableorder_app",
    )
    assert sql("SELECT count(*) FROM stores WHERE name = 'y'", "tableorder_app") == "1"
    assert sql("DELETE FROM stores WHERE name = 'y' RETURNING name", "tableorder_app") == "y"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "CREATE SCHEMA mine",
        "ALTER TABLE stores ADD COLUMN mine integer",
        "DROP TABLE orders",
        "TRUNCATE orders",
        "CREATE ROLE mine",
    ],
)
def test_application_may_not_change_the_schema(host, statement):
    answer = sql(statement, "tableorder_app")
    assert "permission denied" in answer or "must be owner" in answer, answer


def test_future_tables_are_the_applications_too(host):
    sql("CREATE TABLE future (id serial)", "tableorder_owner")
    try:
        assert sql("INSERT INTO future DEFAULT VALUES RETURNING id", "tableorder_app") == "1"
    finally:
        sql("DROP TABLE future", "tableorder_owner")


def test_others_may_not_connect(host):
    assert sql("SELECT has_database_privilege('public', 'tableorder', 'CONNECT')") == "f"


def test_passwords_are_in_no_log_of_the_database(host):
    log = subprocess.run([ENGINE, "logs", DATABASE], capture_output=True, text=True, check=True)
    statements = log.stdout + log.stderr
    assert "CREATE USER" in statements
    assert "owner:pass" not in statements
    assert "app'pass" not in statements
    assert "app''pass" not in statements


def test_failing_migration_leaves_the_schema_as_it_was(host, migration):
    migration("0003_failing.py")
    status, output = role()
    assert status != 0
    assert 'relation "no_such_table" does not exist' in output
    assert sql("SELECT version_num FROM alembic_version") == "0002"
    assert sql("SELECT to_regclass('half_applied')") == ""
    # The statement that fails holds both secrets.
    assert "SELECT '******** postgresql://tableorder_owner:********@" in output
    assert "owner:pass" not in output
    assert "2Fword" not in output
    assert "needed-when-imported" not in output


def test_check_mode_says_what_would_be_migrated(host, migration):
    migration("0003_slow.py")
    status, output = role("--check")
    assert status == 0
    assert "Would migrate from 0002 to 0003" in output
    assert changed(output) == 1
    assert sql("SELECT version_num FROM alembic_version") == "0002"


def test_of_two_runs_one_waits(host, migration):
    migration("0003_slow.py")
    runs = [start(), start()]
    outputs = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sorted(changed(output) for output in outputs) == [0, 1], outputs
    assert sql("SELECT version_num FROM alembic_version") == "0003"


def test_rotated_passwords_take_effect_and_are_not_shown(host):
    rotated = "--extra-vars={db_migrate_app: {user: tableorder_app, password: Rotated-2}}"
    status, output = role(rotated)
    assert status == 0, output
    assert changed(output) == 1
    assert "Rotated-2" not in output
    assert role()[0] == 0


REFUSALS = {
    "certificate verify failed": "{db_migrate_ca_cert: /etc/ssl/certs/ca-certificates.crt}",
    "could not translate host name": "{molecule_database: no-such-host}",
    "password authentication failed": (
        f"{{db_migrate_database: {{host: {DATABASE}, port: 5432, name: tableorder, "
        "admin_user: tableorder_admin, admin_password: wrong-password}}"
    ),
    "has the encoding UTF8 and the collation en_US.UTF-8": "{db_migrate_collation: ko_KR.UTF-8}",
    "Run the fastapi_app role before": "{db_migrate_release_path: /nowhere}",
    "three different names": "{db_migrate_app: {user: tableorder_owner, password: Some-password}}",
    "db_migrate_app.user is": "{db_migrate_app: {user: pg_app, password: Some-password}}",
    "db_migrate_app lacks password": "{db_migrate_app: {user: app}}",
    "Unknown: db_migrate_collaton": "{db_migrate_collaton: C}",
}


def test_refusals_name_the_reason(host):
    with ThreadPoolExecutor(3) as pool:
        runs = pool.map(
            lambda settings: role("-e", "db_migrate_connect_tries=1", "-e", settings), REFUSALS.values()
        )
        results = dict(zip(REFUSALS, runs, strict=True))
    for reason, (status, output) in results.items():
        assert status != 0, output
        assert reason in output, output
        assert "wrong-password" not in output


def test_check_mode_without_a_release_says_so(host):
    status, output = role("--check", "--extra-vars=db_migrate_release_path=/nowhere")
    assert status == 0
    assert "once the release is in /nowhere" in output
