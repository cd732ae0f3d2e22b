"""The role with the opposite of all defaults, on the other platform."""

import os

import pytest
import testinfra

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")


@pytest.fixture(scope="module")
def host():
    return testinfra.get_host(f"{ENGINE}://table-order-molecule-db_migrate-options")


@pytest.fixture
def shop(sql):
    return lambda statement, role="rdsadmin": sql(statement, role, "shop")


def test_an_async_environment_in_a_subdirectory_migrates(shop):
    assert shop("SELECT version_num FROM alembic_version") == "v1.2/merge"
    assert shop("SELECT tableowner FROM pg_tables WHERE tablename = 'settings'") == "shop_owner"


def test_a_schema_of_a_migration_is_the_applications_to_use(shop):
    assert shop("INSERT INTO places.cities DEFAULT VALUES RETURNING id", "shop_app").isdigit()
    assert "permission denied" in shop("CREATE TABLE places.mine (id integer)", "shop_app")


def test_code_with_separate_variables_connects_as_the_application(shop):
    assert shop("SELECT value FROM settings WHERE name = 'seeded by'") == "shop_app"


def test_the_database_keeps_its_encoding(shop):
    assert shop("SHOW server_encoding") == "LATIN1"


def test_application_may_read_and_write_rows_only(shop):
    assert shop("UPDATE settings SET value = value RETURNING value", "shop_app") == "shop_app"
    assert "must be owner" in shop("DROP TABLE settings", "shop_app")


def test_the_roles_log_in_for_ever(shop):
    assert (
        shop("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'shop%' AND rolcanlogin AND"
             " coalesce(rolvaliduntil, 'infinity') = 'infinity'")
        == "2"
    )  # fmt: skip


def test_the_timeouts_follow_the_settings(shop):
    settings = (
        "SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 'shop_owner'::regrole ORDER BY 1"
    )
    assert shop(settings) == "lock_timeout=2750ms\nstatement_timeout=90s"


def test_the_driver_was_installed_by_the_platforms_package_manager(host):
    assert host.check_output("rpm --query --queryformat '%{NAME}' python3-psycopg2") == "python3-psycopg2"
