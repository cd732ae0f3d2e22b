"""nginx_state absent: the first host keeps its data, the second also loses the data (nginx_remove_data)."""

import os

import pytest
import testinfra
from playbook import changes

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
LOGS = "/opt/table-order/logs"


@pytest.fixture(scope="module")
def other():
    return testinfra.get_host(f"{ENGINE}://table-order-molecule-nginx-options")


@pytest.fixture(params=["", "-options"])
def each(request):
    return testinfra.get_host(f"{ENGINE}://table-order-molecule-nginx{request.param}")


def test_nothing_listens_or_starts_with_the_host(each):
    for port in (80, 443, 8080, 8443):
        assert not each.socket(f"tcp://0.0.0.0:{port}").is_listening
    assert each.run("pgrep --exact nginx").rc != 0
    assert not each.file("/etc/systemd/system/multi-user.target.wants/nginx.service").exists
    assert each.run("systemctl cat nginx").rc != 0, "the unit is still there"
    assert each.run("systemctl --failed --quiet | grep nginx").rc != 0


def test_the_roles_files_are_removed(each):
    assert not each.exists("nginx")
    for path in (
        "/etc/nginx/nginx.conf",
        "/etc/logrotate.d/table-order-nginx",
        "/etc/nginx/tls",
    ):
        assert not each.file(path).exists, path


def test_shared_packages_and_files_stay(each):
    assert each.exists("openssl")
    assert each.exists("logrotate")
    assert each.run("logrotate --debug /etc/logrotate.conf").rc == 0


def test_another_programs_site_stays(host):
    # side_effect.yml has created the site.
    assert host.file("/etc/nginx/sites-enabled/foreign").exists


def test_the_logs_stay(host):
    assert host.file(f"{LOGS}/nginx-access.log").size > 0
    assert host.file(f"{LOGS}/nginx-error.log").size > 0


def test_only_the_roles_own_data_is_removed_on_request(other):
    assert other.file("/srv/logs").listdir() == ["application.log"]
    directory = other.file("/srv/logs")
    assert (directory.user, directory.mode) == ("ec2-user", 0o771)


def test_a_later_removal_of_the_data_keeps_foreign_files(host):
    take = ("absent.yml", "--limit=table-order-molecule-nginx", "--extra-vars=nginx_remove_data=true")
    changes(*take)
    assert not host.file("/opt/table-order").exists
    assert host.file("/etc/nginx/sites-enabled/foreign").exists
    host.check_output("rm /etc/nginx/sites-enabled/foreign")
    changes(*take)
    assert not host.file("/etc/nginx").exists
