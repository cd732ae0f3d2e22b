"""The looks at a server, with stand-ins for its programs and files."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.table_order.infra.plugins.module_utils import programs as programs_module
from ansible_collections.table_order.infra.plugins.modules import server_status_info as module

MEMINFO = (
    "MemTotal: 4000000 kB\nMemFree: 100 kB\nMemAvailable: 1000000 kB\nSwapTotal: {} kB\nSwapFree: 250 kB\n"
)
APT = """\
Inst libc6 [2.36-9] (2.36-9+deb12u1 Debian:12.9/stable, Debian-Security:12/stable-security [amd64])
Inst tzdata [2024a] (2024b Debian:12.9/stable-updates [all])
Inst openssl [3.0.1] (3.0.2 Debian-Security:12/stable-security [amd64])
Conf libc6 (2.36-9+deb12u1 Debian-Security:12/stable-security [amd64])
"""
ADVISORIES = """\
ALAS2023-2026-1 Important/Sec. kernel6.12-6.12.20-1.amzn2023.x86_64
ALAS2023-2026-2 Medium/Sec.    python3-libs-3.9.20-1.amzn2023.x86_64
ALAS2023-2026-3 Medium/Sec.    python3-libs-3.9.21-1.amzn2023.x86_64
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that puts a program on the PATH, which has no other: a shell's script."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setitem(programs_module.ENVIRONMENT, "PATH", str(directory))

    def program(name, script):
        path = directory / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    return program


def said(text):
    return f"echo '{text.rstrip()}'"


def error(part):
    found = module.look(part)
    assert "found" not in found
    return found["error"]


# -- files ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mounts(tmp_path, monkeypatch):
    """Return a function that mounts directories: name -> (source, blocks, free, available to others, files, free files)."""

    def mount(**mounted):
        lines, numbers, devices = [], {}, {}
        for name, (source, *its) in mounted.items():
            place = tmp_path / name
            place.mkdir()
            lines.append(f"{source} {place} ext4 rw 0 0")
            numbers[str(place)], devices[str(place)] = its, source
        table = tmp_path / "mounts"
        table.write_text("\n".join(lines) + "\n")
        monkeypatch.setattr(module, "MOUNTS", table)

        def statvfs(place):
            blocks, free, available, files, free_files = numbers[str(place)]
            return SimpleNamespace(
                f_blocks=blocks,
                f_bfree=free,
                f_bavail=available,
                f_frsize=2**20,
                f_files=files,
                f_ffree=free_files,
            )

        monkeypatch.setattr(os, "statvfs", statvfs)
        # One directory is as good as another here, but for its device.
        monkeypatch.setattr(
            module.Path, "stat", lambda path, **_: SimpleNamespace(st_dev=devices[str(path)], st_mode=0o40755)
        )

    return mount


def test_each_disk_is_named_once_and_the_fullest_first(mounts, tmp_path):
    mounts(
        root=("/dev/a", 10000, 5500, 5000, 100, 90),
        again=("/dev/a", 10000, 5500, 5000, 100, 90),
        memory=("tmpfs", 10, 0, 0, 10, 0),
        files=("/dev/b", 10000, 9000, 9000, 100, 5),
        btrfs=("/dev/c", 10000, 9000, 9000, 0, 0),
    )
    assert module.disks() == [
        {"place": str(tmp_path / "files"), "percent": 10, "inodes_percent": 95, "free_gib": 8.8},
        # 4500 of the 9500 that others than root may use.
        {"place": str(tmp_path / "root"), "percent": 47, "inodes_percent": 10, "free_gib": 4.9},
        {"place": str(tmp_path / "btrfs"), "percent": 10, "inodes_percent": 0, "free_gib": 8.8},
    ]


def test_a_server_without_a_disk_is_an_error(mounts):
    mounts(memory=("tmpfs", 10, 0, 0, 10, 0))
    assert "names no file system of a disk" in error(module.disks)


@pytest.mark.parametrize(("swap", "percent"), [(0, 0), (1000, 75)])
def test_memory_is_what_the_system_does_not_give_back(swap, percent, tmp_path, monkeypatch):
    path = tmp_path / "meminfo"
    path.write_text(MEMINFO.format(swap))
    monkeypatch.setattr(module, "MEMORY", path)
    assert module.memory() == {"percent": 75, "total_mib": 3906, "swap_percent": percent}
    path.write_text("")
    assert error(module.memory) == "KeyError: 'MemTotal'"


# -- programs ---------------------------------------------------------------------------------------------------


def test_failed_units_are_named(programs):
    programs(
        "systemctl", said("nginx.service loaded failed failed A web server\nx.timer loaded failed failed X")
    )
    assert module.units() == ["nginx.service", "x.timer"]
    programs("systemctl", "true")
    assert module.units() == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "systemctl cannot be run: No such file or directory."),
        ("echo 'Failed to connect to bus' >&2; exit 1", "systemctl failed: Failed to connect to bus"),
        ("exit 3", "systemctl failed: exit code 3"),
    ],
)
def test_a_program_that_fails_is_told(script, message, programs):
    if script:
        programs("systemctl", script)
    assert error(module.units) == message


def test_a_program_that_does_not_answer_is_told(programs):
    programs("dnf", "while :; do :; done")
    assert error(lambda: module.updates(1)) == "dnf did not answer within 1 seconds."


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """Return a function that has apt's lists fetched some days ago."""
    directory = tmp_path / "lists"
    directory.mkdir()
    monkeypatch.setattr(module, "LISTS", directory)

    def fetched(days):
        path = directory / "deb.debian.org_debian_dists_bookworm_InRelease"
        path.touch()
        os.utime(path, (time.time() - days * 86400 - 60,) * 2)

    return fetched


def test_apt_s_security_updates_are_those_of_its_security_archive(programs, lists):
    lists(2)
    programs("apt-get", said(APT))
    assert module.updates(5) == {"packages": ["libc6", "openssl"], "release": ""}


def test_without_fresh_lists_no_update_is_known(programs, lists):
    programs("apt-get", said(APT))
    assert error(lambda: module.updates(5)) == "There are no package lists on the server: apt-get update."
    lists(3)
    assert error(lambda: module.updates(5)) == "The package lists are 3 days old: apt-get update."


def test_dnf_s_security_updates_are_those_of_the_newest_release(programs):
    programs(
        "dnf",
        f'case "$*" in *updateinfo*) {said(ADVISORIES)} ;; *) {said("2023.12.20260817")}; exit 1 ;; esac',
    )
    programs("rpm", said("2023.6.20250115"))
    assert module.updates(5) == {"packages": ["kernel6.12", "python3-libs"], "release": "2023.12.20260817"}
    programs("rpm", said("2023.12.20260817"))
    assert module.updates(5)["release"] == ""


def test_a_repository_that_does_not_answer_is_told(programs):
    programs("dnf", "echo 'Error: Failed to download metadata for repo' >&2; exit 1")
    assert error(lambda: module.updates(5)) == "dnf failed: Error: Failed to download metadata for repo"


def test_a_server_of_another_family_is_told(programs):
    assert error(lambda: module.updates(5)) == "The server has neither dnf nor apt-get."


NGINX = """
    # ssl_certificate /old.pem;
    ssl_certificate /a/certificate.pem;
    ssl_certificate_key /a/key.pem;
    ssl_certificate "/b c.pem";
    ssl_certificate /a/certificate.pem;
"""


def test_each_certificate_of_nginx_is_read_once(programs, tmp_path):
    programs(
        "openssl",
        'case "$3" in /a/*) echo "notAfter=Feb  8 12:00:00 2027 GMT"; echo "subject=CN=a"; echo "DNS:a.example, DNS:b.example" ;; '
        '*) echo "notAfter=Dec 31 23:59:59 2036 GMT"; echo "subject=CN=table-order.local" ;; esac',
    )
    (tmp_path / "nginx.conf").write_text(NGINX)
    assert module.certificates(str(tmp_path / "nginx.conf")) == [
        {
            "file": "/a/certificate.pem",
            "names": ["a.example", "b.example"],
            "until": "2027-02-08T12:00:00+00:00",
        },
        {"file": "/b c.pem", "names": ["table-order.local"], "until": "2036-12-31T23:59:59+00:00"},
    ]


def test_a_certificate_that_cannot_be_read_is_told(programs, tmp_path):
    (tmp_path / "nginx.conf").write_text("ssl_certificate /a.pem;")
    programs("openssl", "echo 'Could not open file' >&2; exit 1")
    assert (
        error(lambda: module.certificates(str(tmp_path / "nginx.conf")))
        == "openssl failed: Could not open file"
    )
    programs("openssl", "echo something")
    assert (
        error(lambda: module.certificates(str(tmp_path / "nginx.conf"))) == "openssl names no end of /a.pem."
    )
    assert "cannot be read: No such file" in error(lambda: module.certificates(str(tmp_path / "gone")))


def test_the_module_returns_each_part_whatever_fails(programs, capsys):
    with patch_module_args({"nginx": "/gone", "seconds": 1}), pytest.raises(SystemExit):
        module.main()
    result = json.loads(capsys.readouterr().out)
    described = " ".join(yaml.safe_load(module.RETURN)["looks"]["description"])
    assert result["changed"] is False
    assert all(f"C({name})" in described for name in result["looks"])
    assert {name for name, one in result["looks"].items() if "error" in one} >= {
        "units",
        "updates",
        "certificates",
    }
    assert all(set(one) in ({"found"}, {"error"}) for one in result["looks"].values())
