"""State after absent: both hosts keep packages and logs, the first also its releases."""

import os

import pytest
import testinfra

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
FIRST, OTHER = "table-order-molecule-fastapi_app", "table-order-molecule-fastapi_app-options"
HOSTS = {
    FIRST: ("fastapi-app", "fastapi-app", "/opt/fastapi-app", 8000),
    OTHER: ("shop", "shop", "/srv/shop", 9000),
}


@pytest.fixture(params=HOSTS, ids=["first", "options"])
def there(request):
    return testinfra.get_host(f"{ENGINE}://{request.param}"), *HOSTS[request.param]


@pytest.fixture
def options():
    return testinfra.get_host(f"{ENGINE}://{OTHER}")


def test_no_unit_or_process_remains(there):
    host, service, user, _, port = there
    assert host.run("systemctl cat %s", f"{service}.service").rc != 0
    assert not host.service(service).is_running
    assert host.run("systemctl list-unit-files --no-legend %s", f"{service}*").stdout == ""
    assert host.check_output("systemctl list-units --all --failed --no-legend %s", f"{service}*") == ""
    assert not [socket for socket in host.socket.get_listening_sockets() if socket.endswith(f":{port}")]
    assert host.run("pgrep uvicorn").rc == 1
    for name in (user, f"{user}-build", f"{user}-migrate", "shop-builder"):
        assert not host.user(name).exists, name
        assert not host.group(name).exists, name


def test_the_files_of_the_role_are_removed(there):
    host, service, user, home, _ = there
    gone = [f"/etc/systemd/system/{service}.service", f"/etc/logrotate.d/{service}", f"/var/lib/{user}"]
    gone += [
        f"/etc/systemd/system/multi-user.target.wants/{service}.service",
        f"{home}/cache",
        f"{home}/tools",
        *(f"/run/systemd/system.control/{unit}.service.d" for unit in (service, f"{service}-candidate")),
    ]
    assert [path for path in gone if host.file(path).exists] == []


def test_no_file_without_an_owner_remains(there):
    host, _, _, home, _ = there
    assert host.run(f"find {home} -nouser -o -nogroup").stdout == ""


def test_the_data_stays_and_belongs_to_root(host):
    environment = host.file("/opt/fastapi-app/backend/../environment")
    assert (environment.user, environment.group, environment.mode) == ("root", "root", 0o640)
    assert "DATABASE_URL" in environment.content_string
    log = host.file("/opt/fastapi-app/logs/fastapi.log")
    assert (log.user, log.group, log.mode, log.size > 0) == ("root", "root", 0o640, True)
    assert host.file("/opt/fastapi-app/backend/venv/bin/uvicorn").exists
    assert host.file("/opt/fastapi-app/frontend/customer-ui/build/index.html").exists
    assert host.file("/etc/ssl/certs/rds-ca.pem").exists


def test_the_data_is_removed_on_request(options):
    assert options.file("/srv/shop").listdir() == []
    assert options.file("/srv/shop-logs/fastapi.log").exists


def test_packages_and_the_applications_files_stay(there):
    host, *_ = there
    for program in ("git", "psql", "redis-cli", "python3.11", "logrotate"):
        assert host.run("command -v %s", program).rc == 0
    assert host.file("/srv/shop-uploads/order.txt").exists or host.backend.name == FIRST
