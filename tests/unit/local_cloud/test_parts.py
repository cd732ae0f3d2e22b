"""The parts that need neither moto nor podman: settings, firewall, certificates, configuration files."""

import datetime
import io
import ipaddress
import tarfile
import types

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from local_cloud import __main__ as command
from local_cloud import caches, databases, network, settings
from local_cloud.certificates import Authority
from local_cloud.cloud import Cloud
from local_cloud.containers import File, archive


def test_settings_have_defaults():
    parsed = settings.parse({"name": "local"})
    assert (parsed.port, parsed.account, parsed.region) == (5000, "123456789012", "ap-northeast-2")
    assert parsed.delays == settings.DELAYED


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "name is required"),
        ({"name": "x", "prot": 1}, "no setting prot"),
        ({"name": "x", "loopback_range": "10.0.0.0/24"}, "inside 127.0.0.0/8"),
        ({"name": "x", "loopback_range": "127.0.1.1/24"}, "host bits"),
        ({"name": "x", "account": 1234}, "12 digits"),
        ({"name": "x", "container_prefix": "p" * 30}, "1 to 24 characters"),
        ({"name": "x", "delays": {"disk": 1}}, "no delay for disk"),
        ({"name": "x", "delays": {"cache": -1}}, "negative"),
        ({"name": "x", "delays": {"cache": "long"}}, "numbers of seconds"),
    ],
)
def test_settings_are_refused(values, message):
    with pytest.raises(settings.SettingsError, match=message):
        settings.parse(values)


def test_settings_file_needs_the_key(tmp_path):
    file = tmp_path / "cloud.yml"
    file.write_text("plugin: x\n")
    with pytest.raises(settings.SettingsError, match="no mapping named local_cloud"):
        settings.load(file)


def test_environment_is_cleaned(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    monkeypatch.setenv("HOME_TOWN", "Seoul")
    cleaned = command.clean_environment()
    assert not {"AWS_PROFILE", "MOTO_ACCOUNT_ID"} & cleaned.keys()
    assert cleaned["HOME_TOWN"] == "Seoul"


def test_lock_shows_its_holder(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    mine = settings.parse({"name": "locked"})
    assert command.Lock(mine).holder() is None
    lock = command.Lock(mine)
    assert lock.take()
    assert command.Lock(mine).holder() == command.os.getpid()
    assert not command.Lock(mine).take()
    lock.file.close()
    assert command.Lock(mine).holder() is None


def test_firewall_rules_are_all_in_our_chains():
    firewall = network.Firewall(settings.parse({"name": "x", "container_prefix": "mine", "port": 5055}))
    rules = firewall.rules(["podman7"], {"127.0.10.2": "10.0.1.4"})
    assert (
        "-A mine-in -i podman7 -d 169.254.169.254/32 -p tcp --dport 80 -j REDIRECT --to-ports 5055" in rules
    )
    assert "-d 127.0.10.2/32 -p tcp -j DNAT" in rules
    assert "--to-destination 10.0.1.4" in rules
    assert "-A mine-out -o podman7 -j MASQUERADE" in rules
    assert all(line.split()[1].startswith("mine-") for line in rules.splitlines() if line.startswith("-A"))


def test_overlapping_range_is_refused_by_name(monkeypatch):
    taken = [(ipaddress.IPv4Network("10.0.0.0/8"), "tun0")]
    monkeypatch.setattr(network, "host_routes", lambda: taken)
    with pytest.raises(network.AddressRangeError, match=r"'10\.0\.0\.0/16' overlaps 10\.0\.0\.0/8, .* tun0"):
        network.check_free(ipaddress.IPv4Network("10.0.0.0/16"))
    network.check_free(ipaddress.IPv4Network("192.168.0.0/16"))


def test_a_second_vpc_of_a_range_is_known():
    networks = network.Network(settings.parse({"name": "x", "container_prefix": "mine", "port": 5055}), None)
    assert not networks.has_range("10.0.0.0/16")
    networks.vpcs["vpc-1"] = network.VpcNetwork(
        "mine-vpc-1", ipaddress.IPv4Network("10.0.0.0/16"), "10.0.0.1", "podman1"
    )
    assert networks.has_range("10.0.0.0/16")
    assert networks.has_range("10.0.3.0/24")
    assert not networks.has_range("10.1.0.0/16")


def test_archive_keeps_owners_modes_and_links():
    files = [File("/d/", "", 0o700, 1000), File("/d/f", "text", 0o600, 1000), File("/l", "/d/f", link=True)]
    with tarfile.open(fileobj=io.BytesIO(archive(files))) as tar:
        members = {member.name: member for member in tar}
        assert members["d"].isdir()
        assert (members["d/f"].mode, members["d/f"].uid) == (0o600, 1000)
        assert members["l"].linkname == "/d/f"


def test_certificate_is_good_for_its_names_only():
    authority = Authority("unit")
    name = "table-order-db.aaaaaaaaaa.ap-northeast-2.rds.amazonaws.com"
    issued = x509.load_pem_x509_certificate(authority.issue([name]).certificate)
    store = Store([x509.load_pem_x509_certificate(authority.pem)])
    builder = PolicyBuilder().store(store).time(datetime.datetime.now(datetime.UTC))
    builder.build_server_verifier(x509.DNSName(name)).verify(issued, [])
    with pytest.raises(x509.verification.VerificationError):
        builder.build_server_verifier(x509.DNSName("other.example")).verify(issued, [])


def test_hardware_address_follows_from_the_address():
    first, second = (types.SimpleNamespace(private_ip_address="10.0.2.4", mac_address="x") for _ in range(2))
    network.settle(first)
    network.settle(second)
    assert first.mac_address == second.mac_address == "02:00:0a:00:02:04"


def fake_instance(**values):
    """As much of a database instance as the texts need."""
    group = types.SimpleNamespace(family="postgres15", parameters={})
    defaults = {
        "port": 5432,
        "applied_parameters": {},
        "master_username": "tableorder_admin",
        "_master_user_password": "it's secret",
        "db_name": "tableorder",
        "db_parameter_groups": lambda: [group],
    }
    return types.SimpleNamespace(**defaults | values)


def test_parameters_reach_postgresql():
    instance = fake_instance(
        applied_parameters={"shared_buffers": "32768", "rds.force_ssl": "1", "nope": "1"}
    )
    text = databases.settings_text(instance)
    assert "shared_buffers = '32768'" in text
    assert "rds." not in text
    assert "nope" not in text


def test_tls_is_forced_unless_the_parameter_says_otherwise():
    assert "hostssl all all all" in databases.access_text(fake_instance())
    relaxed = fake_instance(applied_parameters={"rds.force_ssl": "0"})
    assert "hostssl" not in databases.access_text(relaxed)
    assert "host all rdsadmin all reject" in databases.access_text(relaxed)


def test_master_user_is_no_superuser():
    statements = databases.bootstrap_sql(fake_instance())
    assert 'CREATE ROLE "tableorder_admin" LOGIN CREATEDB CREATEROLE' in statements
    assert "PASSWORD 'it''s secret'" in statements
    assert "SUPERUSER;" not in statements
    assert 'CREATE DATABASE "tableorder" OWNER "tableorder_admin"' in statements


def fake_cache(**values):
    """As much of a replication group as the texts need."""
    defaults = {"port": 6379, "transit_encryption_enabled": False, "auth_token": None}
    return types.SimpleNamespace(**defaults | {"transit_encryption_mode": None} | values)


def test_redis_is_reached_with_and_without_tls():
    text = caches.settings_text(fake_cache(auth_token="a" * 16))
    assert "port 0\ntls-port 16379\n" in text
    assert f'requirepass "{"a" * 16}"' in text
    assert "tls-port 16380" in caches.settings_text(fake_cache(port=16379))


@pytest.mark.parametrize(
    ("mode", "plain", "tls"), [(None, True, False), ("preferred", True, True), ("required", False, True)]
)
def test_a_group_takes_the_connections_of_its_mode(mode, plain, tls):
    text = caches.front_text(fake_cache(transit_encryption_enabled=bool(mode), transit_encryption_mode=mode))
    assert "bind *:6379" in text
    assert ("default_backend plain" in text) is plain
    assert ("use_backend tls" in text or "default_backend tls" in text) is tls


def test_token_strategies():
    rotate = caches.token_commands("old", "new", "ROTATE").splitlines()
    assert rotate == ['AUTH "old"', 'ACL SETUSER default resetpass ">old" ">new"']
    again = caches.token_commands("new", "new", "ROTATE").splitlines()
    assert again == ['AUTH "new"', 'ACL SETUSER default ">new"']
    assert "resetpass" in caches.token_commands("old", "new", "SET")
    assert "nopass" in caches.token_commands("old", None, "DELETE")
    assert caches.token_commands(None, "new", "SET").startswith("ACL")
    assert caches.token_commands(None, "new", "OPEN") == "ACL SETUSER default nopass\n"


def test_slow_work_is_in_order_for_one_resource():
    cloud = Cloud(settings.parse({"name": "unit"}), podman=object())
    done = []
    for number in range(20):
        cloud.later("one", "counts", lambda number=number: done.append(number))
    cloud.later("two", "fails", lambda: 1 / 0)
    cloud.queues["one"].shutdown(wait=True)
    assert done == list(range(20))
    cloud.drain()
