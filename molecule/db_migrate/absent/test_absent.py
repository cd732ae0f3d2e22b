"""db_migrate_state absent: the servers stay unchanged; the second one's database roles are dropped (db_migrate_remove_data)."""

import os

import testinfra

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")


def test_the_driver_the_release_and_the_ca_bundle_stay(host):
    assert host.package("python3-psycopg2").is_installed
    assert host.file("/opt/fastapi-app/backend/venv/bin/alembic").exists
    assert host.file("/etc/ssl/certs/rds-ca.pem").exists
    other = testinfra.get_host(f"{ENGINE}://table-order-molecule-db_migrate-options")
    assert other.run("rpm --query python3-psycopg2").rc == 0
    assert other.file("/srv/shop/.venv/bin/alembic").exists


def test_the_data_stays(sql):
    assert sql("SELECT count(*) FROM stores") == "1"
    assert sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'tableorder\\_%'") == "5"


def test_the_data_is_removed_on_request(sql):
    assert sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database="shop") == "0"
    assert sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'shop%'", database="shop") == "0"
