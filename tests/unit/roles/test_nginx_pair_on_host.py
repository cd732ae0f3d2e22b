"""The pair on the host: found, created, migrated from an older release, and removed once nginx no longer uses it.

What the role's shell does, in a folder of the test's own.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles/nginx"
VARIABLES = yaml.safe_load((ROLE / "vars/main.yml").read_text())
TASKS = {
    task["name"]: task
    for name in ("tls", "reload")
    for task in yaml.safe_load((ROLE / f"tasks/{name}.yml").read_text())
}
NAME = "shop.example.org"


def variable(name, prefix):
    """Return a variable of the role whose only template is the beginning of the pairs' paths."""
    return VARIABLES[name].replace("{{ __nginx_tls_prefix }}", prefix)


def shell(task, **environment):
    """Run a task's shell and return what it prints."""
    environment = {name: str(value) for name, value in environment.items()}
    done = subprocess.run(
        ["sh", "-c", TASKS[task]["ansible.builtin.shell"]],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or task == "Tls | Find a matching certificate and key on the host"
    assert "PRIVATE" not in done.stdout + done.stderr
    return done.stdout.strip()


class Host:
    """The folder of the pairs, and nginx.conf."""

    def __init__(self, folder, site=""):
        self.tls, self.configuration = folder / "tls", folder / "nginx.conf"
        self.tls.mkdir(exist_ok=True)
        self.prefix = f"{self.tls}/{site}"

    def look(self, name=NAME, certificates=None, key=""):
        return shell(
            "Tls | Find a matching certificate and key on the host",
            CERTIFICATES=certificates or variable("__nginx_tls_self_signed_files", self.prefix),
            KEY=key,
            NAME=name,
        )

    def make(self, before="", name=NAME):
        task = "Tls | Create a self-signed pair"
        return shell(task, OLD=before, PREFIX=self.prefix, DAYS=3, NAME=name)

    def unused(self):
        return set(
            shell(
                "Reload | Find unused certificate pairs",
                CONFIGURATION=self.configuration,
                DIRECTORY=self.tls,
                OWN=variable("__nginx_tls_own", self.prefix),
            ).split()
        )

    def run(self, name=NAME):
        """Do what a run does; return the folder of the pair."""
        found = self.look(name)
        folder = str(Path(found).parent) if "self-signed-" in found else self.make(found, name)
        self.configuration.write_text(f"ssl_certificate {folder}/certificate.pem;")
        for path in self.unused():
            subprocess.run(["rm", "-r", path], check=True)
        return Path(folder)

    def names(self):
        return sorted(path.name for path in self.tls.iterdir())


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_pair_is_made_once_and_is_roots_alone(host):
    folder = host.run()
    assert re.fullmatch("self-signed-[0-9a-f]{16}", folder.name)
    assert [path.name for path in sorted(folder.iterdir())] == ["certificate.pem", "key.pem"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    state = folder.stat().st_mtime_ns, (folder / "key.pem").read_text()
    assert host.run() == folder
    assert (folder.stat().st_mtime_ns, (folder / "key.pem").read_text()) == state
    assert host.names() == [folder.name]


def test_a_server_of_before_keeps_its_pair(host):
    made = Path(host.make())
    (made / "certificate.pem").rename(host.tls / "self-signed.crt")
    (made / "key.pem").rename(host.tls / "self-signed.key")
    (host.tls / "self-signed.key").chmod(0o644)
    made.rmdir()
    before = [(host.tls / f"self-signed.{end}").read_text() for end in ("crt", "key")]
    folder = host.run()
    assert [(folder / name).read_text() for name in ("certificate.pem", "key.pem")] == before
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    assert host.names() == [folder.name]


@pytest.mark.parametrize("broken", ["another name", "no certificate", "another's key", "half a key"])
def test_a_pair_that_does_not_do_is_made_anew_beside_it(host, broken):
    folder = host.run(NAME if broken != "another name" else "before.example.org")
    if broken == "no certificate":
        (folder / "certificate.pem").unlink()
    if broken == "another's key":
        (Path(host.make()) / "key.pem").rename(folder / "key.pem")
    if broken == "half a key":
        (folder / "key.pem").write_text((folder / "key.pem").read_text()[:80])
    other = host.run()
    assert other != folder
    assert host.names() == [other.name]


def test_until_nginx_conf_names_another_nothing_of_the_live_pair_is_written(host):
    """A run that is killed after the making, and one killed within it; the next one finishes both."""
    folder = host.run("before.example.org")
    state = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    made = Path(host.make())
    half = host.tls / ".new-Ab3dEf6h"
    half.mkdir()
    (half / "key.pem").write_text("half")
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == state
    assert host.unused() == {str(made), str(half)}
    assert host.run() == made
    assert host.names() == [made.name]


def test_only_pairs_of_the_roles_own_that_nothing_names_go(host):
    own = [
        "given.crt",
        "given.key",
        "self-signed.crt",
        "self-signed.key",
        ".new-12345678",
        "given-0123456789abcdef",
    ]
    others = ["given-of-ann.pem", "dhparam.pem", "self-signed-new", "given-0123456789abcdef0", ".new-1234567"]
    for name in own + others:
        (host.tls / name).write_text("")
    host.configuration.write_text(f"a {host.tls}/dhparam.pem;")
    assert host.unused() == {str(host.tls / name) for name in own}
    # As with nginx_tls_remote.
    host.configuration.write_text(
        f"a {host.tls}/given.crt;\nb {host.tls}/given.key;\nc {host.tls}/given-0123456789abcdef/key.pem;"
    )
    assert host.unused() == {str(host.tls / name) for name in own[2:5]}


def test_each_site_has_pairs_of_its_own(host, tmp_path):
    """Another site's new pair may not be in nginx.conf yet."""
    shop = Host(tmp_path, "shop-")
    own, theirs = host.run(), Path(shop.make())
    assert re.fullmatch("shop-self-signed-[0-9a-f]{16}", theirs.name)
    (host.tls / "shop-.new-12345678").mkdir()
    (host.tls / "shop-given-0123456789abcdef").mkdir()
    assert host.unused() == set()
    assert host.look() == f"{own}/certificate.pem"
    assert shop.look() == f"{theirs}/certificate.pem"
    assert shop.run() == theirs
    # shop's run wrote a nginx.conf without the first site.
    assert host.unused() == {str(own)}
    assert sorted(host.names()) == sorted([own.name, theirs.name])


def test_files_of_the_host_are_a_pair_or_not(host):
    one, two = Path(host.make()), Path(host.make())
    certificate = one / "certificate.pem"
    assert host.look("", certificate, one / "key.pem") == str(certificate)
    assert host.look("", certificate, two / "key.pem") == ""
    assert host.look("", host.tls / "missing.crt", one / "key.pem") == ""


def test_what_is_taken_away_after_a_reload_asks_for_no_other(host, tmp_path, monkeypatch):
    """The directory's time is later than the reload; that of a file in it counts, and so does a file of the host's own."""
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho '2030-01-01 00:00:00 UTC'\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder, remote = host.run(), tmp_path / "remote.crt"
    remote.touch()
    task = "Reload | Find files newer than the last reload"

    def newer(path):
        os.utime(path, (2e9, 2e9))  # in 2033
        try:
            return shell(task, CONFIGURATION=host.tls, DIRECTORY=host.tls, REMOTE=remote)
        finally:
            os.utime(path)

    assert newer(host.tls) == ""
    assert newer(folder / "key.pem") == str(folder / "key.pem")
    assert newer(remote) == str(remote)
