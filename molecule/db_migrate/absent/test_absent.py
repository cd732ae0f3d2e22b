"""State of the servers and the database after absent, and a second installation."""

import os

import pytest
import testinfra
from playbook import changes

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
SCENARIO = "table-order-molecule-db_migrate"
RECORD = "/var/lib/table-order-db_migrate.packages"


@pytest.fixture(scope="module")
def other():
    return testinfra.get_host(f"{ENGINE}://{SCENARIO}-options")


def test_installed_packages_are_removed(host, other):
    for server in (host, other):
        assert not server.file(RECORD).exists
        assert server.run("/usr/bin/python3 -c 'import psycopg2.extensions'").rc != 0
    assert not host.package("libpq5").is_installed
    assert other.run("rpm --query python3-psycopg2").rc != 0


def test_the_release_and_the_ca_bundle_stay(host, other):
    assert host.file("/opt/table-order/backend/venv/bin/alembic").exists
    assert host.file("/etc/ssl/certs/rds-ca.pem").exists
    assert other.file("/srv/shop/.venv/bin/alembic").exists


def test_the_data_stays(sql):
    assert sql("SELECT count(*) FROM stores") == "1"
    assert sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'tableorder\\_%'") == "3"


def test_the_data_is_removed_on_request(sql):
    assert sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database="shop") == "0"
    assert sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'shop%'", database="shop") == "0"


def test_a_driver_installed_before_the_role_stays(host, other, sql):
    host.check_output("apt-get install --yes --no-install-recommends python3-psycopg2")
    assert changes("converge.yml") > 0
    assert sql("SELECT version_num FROM alembic_version") == "0002"
    assert sql("SELECT version_num FROM alembic_version", database="shop") == "a1b2c3d4e5f6"
    assert not host.file(RECORD).exists
    assert other.file(RECORD).exists
    assert changes("absent.yml") > 0
    assert host.package("python3-psycopg2").is_installed
    assert not other.file(RECORD).exists
    assert sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'shop%'", database="shop") == "0"
    host.check_output("apt-get remove --yes python3-psycopg2 libpq5")
