"""nginx_state absent: the role's own files are gone; packages, logs and foreign files stay."""

import os

import pytest
import testinfra

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
# The commands of the role's README.
RESTORE = {
    "": "apt-get install --yes --reinstall -o Dpkg::Options::=--force-confmiss nginx-common",
    "-options": "dnf --assumeyes reinstall nginx-core",
}


@pytest.fixture(params=RESTORE)
def suffix(request):
    return request.param


@pytest.fixture
def each(suffix):
    return testinfra.get_host(f"{ENGINE}://table-order-molecule-nginx{suffix}")


def test_nothing_listens_or_starts_with_the_host(each):
    for port in (80, 443, 8080, 8443):
        assert not each.socket(f"tcp://0.0.0.0:{port}").is_listening
    assert each.run("pgrep --exact nginx").rc != 0
    assert not each.service("nginx").is_enabled
    assert each.run("systemctl --failed --quiet | grep nginx").rc != 0


def test_the_roles_files_are_removed(each):
    for path in ("/etc/nginx/nginx.conf", "/etc/logrotate.d/table-order-nginx"):
        assert not each.file(path).exists, path
    # absent.yml has created this file.
    assert each.file("/etc/nginx/tls").listdir() == ["foreign.crt"]


def test_packages_logs_and_foreign_files_stay(each, suffix):
    for program in ("nginx", "openssl", "logrotate"):
        assert each.exists(program)
    assert each.run("logrotate --debug /etc/logrotate.conf").rc == 0
    logs = "/srv/logs" if suffix else "/opt/fastapi-app/logs"
    assert {"nginx-access.log", "nginx-error.log"} <= set(each.file(logs).listdir())
    # prepare.yml and side_effect.yml have created these.
    foreign = f"{logs}/application.log" if suffix else "/etc/nginx/sites-enabled/foreign"
    assert each.file(foreign).exists


def test_the_distributions_nginx_can_be_restored_and_started(each, suffix):
    each.check_output(RESTORE[suffix])
    each.check_output("systemctl start nginx")
    assert each.socket("tcp://0.0.0.0:80").is_listening
    each.check_output("systemctl stop nginx && rm /etc/nginx/nginx.conf")
