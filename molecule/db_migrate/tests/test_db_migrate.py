"""The database after the role has run with default settings."""

import os
import subprocess

import pytest

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
DATABASE = "table-order-molecule-db_migrate-database"

# All rights of a role: on the database, the schema, tables, sequences and columns, and default privileges.
RIGHTS = """
SELECT DISTINCT kind || ' ' || privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM (SELECT 'database', datacl FROM pg_database WHERE datname = current_database()
      UNION ALL SELECT 'schema', nspacl FROM pg_namespace WHERE nspname = 'public'
      UNION ALL SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, relacl
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
      UNION ALL SELECT 'column', attacl FROM pg_attribute
      UNION ALL SELECT 'future ' || CASE defaclobjtype WHEN 'S' THEN 'sequence' WHEN 'n' THEN 'schema' ELSE 'table' END, defaclacl
        FROM pg_default_acl) AS objects (kind, acl), aclexplode(acl)
WHERE grantee = {} ORDER BY 1
"""


# Session settings of a role in this database.
CONFIGURED = """
SELECT unnest(setconfig) FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
WHERE datname = current_database() AND setrole = {}::regrole ORDER BY 1
"""

# Whether a role has attributes of the server, whether it logs in, and of which other role it is a member.
ROLES = """
SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls, rolcanlogin,
       (SELECT string_agg(roleid::regrole::text, ' ') FROM pg_auth_members WHERE member = pg_roles.oid)
FROM pg_roles WHERE rolname IN ('tableorder_owner', 'tableorder_app', 'tableorder_app_rights') ORDER BY 1
"""


def as_application(host, statement: str) -> str:
    """Run SQL as the application does: over TLS, with its password, from the server."""
    program = (
        "import psycopg, sys; c = psycopg.connect(host=sys.argv[1], dbname='tableorder', user='tableorder_app',"
        " password=sys.argv[2], sslmode='verify-full', sslrootcert='/etc/ssl/certs/rds-ca.pem');"
        " print(c.execute(sys.argv[3]).fetchone()[0])"
    )
    python = "/opt/fastapi-app/backend/venv/bin/python"
    return host.check_output("%s -c %s %s %s %s", python, program, DATABASE, "app'pass\"word#1", statement)


def test_schema_is_at_the_release(sql):
    assert sql("SELECT version_num FROM alembic_version") == "0002"
    assert sql("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'") == "tableorder_owner"


def test_after_command_ran_as_the_application_with_its_environment(sql):
    assert sql("SELECT name FROM stores") == "$HOME ${X} `id` 100% #1 \\ \"김치찌개\" 'a'"


def test_application_connects_with_its_password_and_reads(host):
    assert as_application(host, "SELECT current_user") == "tableorder_app"
    assert as_application(host, "SELECT count(*) FROM stores") == "1"


def test_application_may_work_with_rows(sql):
    sql(
        "INSERT INTO stores (name) VALUES ('x'); UPDATE stores SET name = 'y' WHERE name = 'x'",
        "tableorder_app",
    )
    assert sql("SELECT count(*) FROM stores WHERE name = 'y'", "tableorder_app") == "1"
    assert sql("DELETE FROM stores WHERE name = 'y' RETURNING name", "tableorder_app") == "y"


def test_only_the_owner_has_the_timeouts_of_migrations(sql):
    assert sql(CONFIGURED.format("'tableorder_owner'")) == "lock_timeout=4750ms\nstatement_timeout=5s"
    assert sql(CONFIGURED.format("'tableorder_app'")) == ""


def test_application_has_these_rights_and_no_other_and_only_by_its_membership(sql):
    assert sql(RIGHTS.format("'tableorder_app'::regrole")) == ""
    assert sql(RIGHTS.format("'tableorder_app_rights'::regrole")).splitlines() == [
        "database CONNECT",
        "future schema USAGE",
        "future sequence SELECT",
        "future sequence UPDATE",
        "future sequence USAGE",
        "future table DELETE",
        "future table INSERT",
        "future table SELECT",
        "future table UPDATE",
        "schema USAGE",
        "sequence SELECT",
        "sequence UPDATE",
        "sequence USAGE",
        "table DELETE",
        "table INSERT",
        "table SELECT",
        "table UPDATE",
    ]


def test_public_has_no_other_rights(sql):
    catalogue = "column SELECT"  # PostgreSQL's own views, in another schema
    rights = sql(RIGHTS.format(0)).splitlines()
    assert [right for right in rights if right != catalogue] == ["schema USAGE"]


def test_the_roles_can_do_nothing_to_the_server(sql):
    assert sql(ROLES).splitlines() == [
        "tableorder_app|f|t|tableorder_app_rights",
        "tableorder_app_rights|f|f|",
        "tableorder_owner|f|t|",
    ]


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
def test_application_may_not_change_the_schema(sql, statement):
    answer = sql(statement, "tableorder_app")
    assert "permission denied" in answer or "must be owner" in answer, answer


def test_the_application_can_use_future_tables(sql):
    sql("CREATE TABLE future (id serial)", "tableorder_owner")
    try:
        assert sql("INSERT INTO future DEFAULT VALUES RETURNING id", "tableorder_app") == "1"
    finally:
        sql("DROP TABLE future", "tableorder_owner")


def test_passwords_are_in_no_log_of_the_database():
    log = subprocess.run([ENGINE, "logs", DATABASE], capture_output=True, text=True, check=True)
    statements = log.stdout + log.stderr
    assert "CREATE USER" in statements
    for secret in ("owner:pass", "app'pass", "app''pass", "owner$HOME", "app%s#"):
        assert secret not in statements


def test_the_driver_is_installed(host):
    assert host.package("python3-psycopg2").is_installed
