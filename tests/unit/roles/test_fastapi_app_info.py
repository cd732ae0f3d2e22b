"""The state of an application on a server, also after a killed run; and the collected hashed files."""

import errno
import json
import os
import re
import shutil
import stat
import threading
import time
from hashlib import sha256
from pathlib import Path

import pytest
from ansible_collections.table_order.infra.plugins.module_utils import fastapi_app_cutover as cutover
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    lock_facts,
    one_step_at_a_time,
    release_facts,
)

from tests.unit.roles.modules import load, run
from tests.unit.tasks import ROOT

info, assets = (
    load("modules/fastapi_app_info.py"),
    load("modules/fastapi_app_assets.py"),
)


def live(release: str, before: str = "", result: str = "live") -> dict:
    """Return a line of the audit log."""
    return {"what": "deploy", "release": release, "from": before, "result": result}


def releases(*names: str, **others: dict) -> dict:
    sound = {"complete": True, "voided": ""}
    return dict.fromkeys(names, sound) | {name: sound | facts for name, facts in others.items()}


PREVIOUS = {
    "the one before": ("b", [live("a"), live("b", "a")], releases("a", "b"), "a"),
    "none before the first": ("a", [live("a")], releases("a"), ""),
    "nothing was recorded": ("a", [], releases("a", "b"), ""),
    "the live one again and again": (
        "b",
        [live("a"), live("b", "a"), live("b", "b")],
        releases("a", "b"),
        "a",
    ),
    "skips what was left by a rollback": (
        "a",
        [live("x"), live("a", "x"), live("b", "a"), live("a", "b")],
        releases("x", "a", b={"voided": "left by a rollback"}),
        "x",
    ),
    "skips what is incomplete": (
        "c",
        [live("a"), live("b", "a"), live("c", "b")],
        releases("a", "c", b={"complete": False}),
        "a",
    ),
    "skips what is gone": ("c", [live("a"), live("b", "a"), live("c", "b")], releases("a", "c"), "a"),
    "skips what failed": (
        "b",
        [live("a"), live("b", "a"), live("c", "b", result="failed")],
        releases("a", "b", "c"),
        "a",
    ),
    "a switch that nobody wrote down": ("c", [live("a"), live("b", "a")], releases("a", "b", "c"), "b"),
    "only named as where another came from": ("b", [live("b", "a")], releases("a", "b"), "a"),
    "entries without the usual keys": ("b", [{"what": "x"}, live("b", "a"), {}], releases("a", "b"), "a"),
    "nothing is live": ("", [live("a")], releases("a"), "a"),
    "nothing of it is left": ("c", [live("a"), live("b", "a")], releases("c"), ""),
}


@pytest.mark.parametrize("case", PREVIOUS)
def test_previous_is_the_latest_usable_release(case):
    name, entries, known, expected = PREVIOUS[case]
    assert info.previous(name, entries, known) == expected


CUT = {
    "in the middle": b'{"release": "b", "resu',
    "in a character": '{"why": "급한 수정'.encode()[:-1],
    "into zeroes": b"\0" * 64,
    "to nothing": b"",
    "to no dictionary": b"7",
}


@pytest.mark.parametrize("rest", CUT.values(), ids=CUT)
def test_a_truncated_line_is_skipped(tmp_path, rest):
    record, sound = tmp_path / "deployments.log", [live("a") | {"why": "첫"}, live("c", "a")]
    first, last = (json.dumps(entry, ensure_ascii=False).encode() for entry in sound)
    record.write_bytes(b"\n".join([first, rest, last, b""]))
    assert info.history(record) == sound
    record.write_bytes(b"\n".join([first, last, rest]))
    assert info.history(record) == sound


def test_only_the_last_lines_of_the_audit_log_are_returned(tmp_path):
    record = tmp_path / "deployments.log"
    assert info.history(record) == []
    record.write_text("".join(json.dumps(live(str(number))) + "\n" for number in range(250)))
    assert [entry["release"] for entry in info.history(record)] == [str(number) for number in range(150, 250)]


@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
def test_a_link_names_its_release(tmp_path, there):
    if there:
        (tmp_path / "releases/3f2a/backend").mkdir(parents=True)
    (tmp_path / "backend").symlink_to(tmp_path / "releases/3f2a/backend")
    assert info.linked_release(tmp_path / "backend") == "3f2a"


@pytest.mark.parametrize("kind", ["missing", "directory", "file"])
def test_a_path_without_a_link_names_no_release(tmp_path, kind):
    path = tmp_path / "backend"
    if kind == "directory":
        path.mkdir()
    if kind == "file":
        path.touch()
    assert info.linked_release(path) == ""


def test_a_lock_has_an_age(tmp_path):
    path = tmp_path / "lock.json"
    assert lock_facts(path) == {}
    path.write_text('{"who": "ann"}')
    os.utime(path, (time.time() - 90,) * 2)
    assert lock_facts(path) == {"who": "ann", "age": pytest.approx(90, abs=5)}
    os.utime(path, (time.time() + 90,) * 2)
    assert lock_facts(path)["age"] == 0, "the clock was set back"


def test_a_lock_released_meanwhile_has_no_holder(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release.read_json",
        lambda path: {"who": "ann"},
    )
    assert lock_facts(tmp_path / "lock.json") == {}


def make_release(directory: Path, name: str, builds: tuple[str, ...] = (), age: float = 0) -> Path:
    release = directory / name
    (release / "backend/venv/bin").mkdir(parents=True)
    (release / "backend/venv/bin/python").touch()
    (release / "environment").write_text("A=1\n")
    (release / "manifest.json").write_text(json.dumps({"id": name}))
    for build in builds:
        (release / "frontend" / build / "assets/inner").mkdir(parents=True)
        for file in (f"index-{name}.js", "same-1.css", f"inner/{name}.png"):
            (release / "frontend" / build / "assets" / file).write_text(f"{file} of {name}")
        (release / "frontend" / build / "index.html").write_text(name)
    os.utime(release, (time.time() - age,) * 2)
    return release


def test_a_release_is_complete_with_its_manifest_and_its_programs(tmp_path):
    sound = make_release(tmp_path, "a")
    (sound / "revisions.json").write_text('{"revisions": [{"id": "r1"}, {"id": "r2"}]}')
    found = release_facts(sound)
    assert (found["id"], found["complete"], found["voided"], found["revisions"]) == (
        "a",
        True,
        "",
        ["r1", "r2"],
    )
    assert found["environment"] == sha256(b"A=1\n").hexdigest()
    (sound / "voided.json").write_text('{"why": "left by a rollback"}')
    assert release_facts(sound)["voided"] == "left by a rollback"
    (sound / "backend/venv/bin/python").unlink()
    assert release_facts(sound)["complete"] is False
    cut = make_release(tmp_path, "b")
    (cut / "manifest.json").write_text('{"id": "b"')
    (cut / "environment").unlink()
    assert (release_facts(cut)["complete"], release_facts(cut)["environment"]) == (False, "")


def test_files_of_an_incomplete_release_are_not_read(tmp_path):
    """Reading from a pipe without a writer would block every later run, including a rollback."""
    half = make_release(tmp_path, "a")
    (half / "manifest.json").unlink()
    (half / "environment").unlink()
    os.mkfifo(half / "backend/.env")
    asked = threading.Thread(target=release_facts, args=(half,), daemon=True)
    asked.start()
    asked.join(10)
    assert not asked.is_alive()


@pytest.fixture
def look(tmp_path, capsys, monkeypatch):
    """Run fastapi_app_info on a home below tmp_path; ``units`` are the properties that systemctl shows, by unit."""

    def look_at(
        *,
        files: tuple[str, ...] = (),
        units: dict[str, str] | None = None,
        processes: tuple[str, ...] = (),
        shared: tuple[str, ...] = (),
        **options,
    ) -> dict:
        monkeypatch.setattr(info, "UNITS", tmp_path / "units")
        programs = tmp_path / "programs"
        programs.mkdir(exist_ok=True)
        for unit, properties in (units or {}).items():
            (programs / unit).write_text(properties)
        systemctl = programs / "systemctl"
        systemctl.write_text(f'#!/bin/sh\nfor unit; do :; done; cat "{programs}/$unit" 2>/dev/null\n')
        systemctl.chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        site = {
            "home": str(tmp_path / "home"),
            "state": str(tmp_path / "state"),
            "logs": str(tmp_path / "home/logs"),
            "flag": str(tmp_path / "run/candidate-live"),
            "assets": str(tmp_path / "home/assets"),
            "service": "shop",
            "group": "shop",
            "shared": list(shared),
            "files": list(files),
            "processes": list(processes),
            "address": "127.0.0.1",
            "port": 8000,
            "candidate_port": 8001,
            "health": {"url": "http://127.0.0.1:8000/health"},
        }
        return run(info, capsys, site=site, **options)

    return look_at


def test_an_empty_server_returns_empty_values(look, tmp_path):
    found = look(files=(str(tmp_path / "none"),))
    assert found["changed"] is False
    assert found["fingerprint"] == f"release \nenvironment \n{tmp_path / 'none'} \n"
    assert found["units"] == {"shop.socket": "", "shop.service": "", "shop-candidate.service": ""}
    for name in (
        "live",
        "frontend",
        "candidate",
        "candidate_live",
        "switched_from",
        "previous",
        "releases",
        "lock",
    ):
        assert not found[name], name
    for name in (
        "started_from",
        "prepared",
        "outdated",
        "former_environments",
        "candidate_env_files",
        "killed_previews",
        "history",
        "schema_revisions",
    ):
        assert not found[name], name


def test_an_interrupted_cutover_is_detected(look, tmp_path):
    home = tmp_path / "home"
    for name in ("a", "b"):
        make_release(home / "releases", name)
    for link, target in (("backend", "a/backend"), ("frontend", "b/frontend"), ("candidate", "b/backend")):
        (home / link).symlink_to(home / "releases" / target)
    (tmp_path / "state/environments").mkdir(parents=True)
    (tmp_path / "state/environments/b.env").touch()
    (tmp_path / "state/environments/b.before").touch()
    (tmp_path / "state/switching.json").write_text('{"from": "a", "to": "b"}')
    (tmp_path / "state/started-from").write_text("release a\n")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/candidate-live").touch()
    found = look()
    assert (found["live"], found["frontend"], found["candidate"]) == ("a", "b", "b")
    assert (found["candidate_live"], found["switched_from"], found["started_from"]) == (
        True,
        "a",
        "release a\n",
    )
    assert found["candidate_env_files"] == [
        str(tmp_path / "state/environments" / name) for name in ("b.before", "b.env")
    ]
    assert {name: release["complete"] for name, release in found["releases"].items()} == {
        "a": True,
        "b": True,
    }


def test_a_file_of_the_source_is_not_a_leftover(look, tmp_path):
    names = (".env.example", ".env.defaults", ".env.candidate", ".env.before", ".env.local")
    release = make_release(tmp_path / "home/releases", "a")
    files = {f"backend/{name}": "checksum" for name in names}
    (release / "manifest.json").write_text(json.dumps({"id": "a", "files": files}))
    for name in names:
        (release / "backend" / name).touch()
    assert look()["candidate_env_files"] == []
    # A leftover of an earlier version of the role, not a file of the source.
    del files["backend/.env.candidate"]
    (release / "manifest.json").write_text(json.dumps({"id": "a", "files": files}))
    assert look()["candidate_env_files"] == [str(release / "backend/.env.candidate")]


@pytest.mark.parametrize(
    ("service", "candidate", "prepared", "outdated"),
    [
        ("{state}/service.env", "{state}/candidate.env", True, False),
        ("{state}/service.env", "{state}/candidate.env.old", False, False),
        ("{state}/service.env", "", False, False),
        ("/opt/table-order/backend/.env", "{state}/candidate.env", False, True),
        ("/opt/table-order/backend/.env", "/opt/table-order/candidate/.env.candidate", False, True),
        ("", "", False, False),
    ],
)
def test_the_units_are_of_this_version(look, tmp_path, service, candidate, prepared, outdated):
    lines = [
        f"EnvironmentFiles={file and f'{file} (ignore_errors=no)'}\n".format(state=tmp_path / "state")
        for file in (candidate, service)
    ]
    found = look(
        units={
            "shop-candidate.service": f"{lines[0]}ActiveState=inactive\n",
            "shop.service": f"{lines[1]}ActiveState=active\n",
        }
    )
    assert (found["prepared"], found["outdated"]) == (prepared, outdated)
    assert found["units"] == {
        "shop.socket": "",
        "shop.service": "active",
        "shop-candidate.service": "inactive",
    }


def prepared_units(tmp_path) -> dict[str, str]:
    return {
        unit: f"EnvironmentFiles={tmp_path / 'state' / file} (ignore_errors=no)\n"
        for unit, file in (("shop.service", "service.env"), ("shop-candidate.service", "candidate.env"))
    }


def test_environments_of_an_earlier_version_are_listed_until_they_are_moved(look, tmp_path):
    """Nothing of an incomplete release, in which a build may have put a link to any file."""
    for name in "abcd":
        release = make_release(tmp_path / "home/releases", name)
        if name != "b":
            (release / "environment").rename(release / "backend/.env")
    (tmp_path / "home/releases/c/manifest.json").unlink()
    (tmp_path / "home/releases/d/backend/.env").unlink()
    (tmp_path / "home/releases/d/backend/.env").symlink_to("/etc/passwd")
    found = look(units=prepared_units(tmp_path))
    assert found["former_environments"] == ["a"]
    assert (found["prepared"], found["outdated"]) == (False, True)
    environments = {name: known["environment"] for name, known in found["releases"].items()}
    kept = sha256(b"A=1\n").hexdigest()
    # So that a check run says the same before and after the move.
    assert environments == {"a": kept, "b": kept, "c": "", "d": ""}
    (tmp_path / "home/releases/a/backend/.env").unlink()
    assert look(units=prepared_units(tmp_path))["outdated"] is False


@pytest.mark.parametrize(
    ("there", "prepared"),
    [
        (["worker.service", "report.service", "report.timer"], True),
        (["worker.service", "report.service"], False),
        (["worker.service", "report.service", "report.timer", "old.service"], False),
        ([], False),
    ],
)
def test_a_server_without_the_units_of_the_processes_is_not_prepared(look, tmp_path, there, prepared):
    """A deployment would stop half-way at a unit that is missing, and leave one that is not named any more to the old release."""
    (tmp_path / "units").mkdir()
    for name in [f"shop-process-{one}" for one in there] + ["shop.service", "shop-two-process-x.service"]:
        (tmp_path / "units" / name).touch()
    # An operator's own changes of a unit.
    (tmp_path / "units/shop-process-worker.service.d").mkdir()
    found = look(processes=("worker.service", "report.timer"), units=prepared_units(tmp_path))
    assert found["prepared"] is prepared


@pytest.mark.parametrize(
    ("mounted", "prepared"),
    [
        ("{home}/shared/uploads:{home}/candidate/uploads:rbind /srv/x:/x:rbind", True),
        (
            "{home}/shared/uploads:{home}/candidate/uploads:rbind {home}/shared/old:{home}/candidate/old:rbind",
            False,
        ),
        ("", False),
    ],
)
def test_a_server_without_the_mounts_of_the_shared_directories_is_not_prepared(
    look, tmp_path, mounted, prepared
):
    """The release would be checked with a directory that its service does not have."""
    shown = f"EnvironmentFiles={tmp_path / 'state'}/candidate.env (ignore_errors=no)\n"
    shown += f"BindPaths={mounted.format(home=tmp_path / 'home')}\n"
    service = f"EnvironmentFiles={tmp_path / 'state'}/service.env (ignore_errors=no)\n"
    units = {"shop-candidate.service": shown, "shop.service": service}
    assert look(shared=("uploads",), units=units)["prepared"] is prepared


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        ("inactive\nConditionResult=no\nConditionTimestampMonotonic=12", "skipped"),
        ("inactive\nConditionResult=no\nConditionTimestampMonotonic=0", "inactive"),
        ("inactive\nConditionResult=yes\nConditionTimestampMonotonic=12", "inactive"),
        ("failed\nConditionResult=no\nConditionTimestampMonotonic=12", "failed"),
    ],
)
def test_a_process_whose_program_is_missing_is_skipped(look, shown, state):
    """Otherwise each run after a rollback would start it again in vain; one that was never started is only inactive."""
    found = look(
        processes=("worker.service",), units={"shop-process-worker.service": f"ActiveState={shown}\n"}
    )
    assert found["units"]["shop-process-worker.service"] == state


def test_only_an_old_preview_is_of_a_killed_check_run(look, tmp_path):
    home, outside = tmp_path / "home", tmp_path / "outside"
    outside.mkdir()
    names = (
        ".preview-abcd_123",
        ".preview-young_12",
        ".preview-mine",
        "x.preview-abcd1234",
        "preview-abcd1234",
    )
    for name in names:
        (home / name).mkdir(parents=True)
    (home / ".preview-file1234").write_text("x")
    (home / ".preview-link1234").symlink_to(outside)
    for path in (*home.iterdir(), outside):
        if path.name != ".preview-young_12":
            os.utime(path, (time.time() - 2 * 24 * 3600,) * 2, follow_symlinks=False)
    assert look()["killed_previews"] == [str(home / ".preview-abcd_123")]


def test_a_settled_state_waits_for_a_step_of_a_killed_run(look, tmp_path, monkeypatch):
    (tmp_path / "state").mkdir()
    monkeypatch.setattr(info, "one_step_at_a_time", lambda state: one_step_at_a_time(state, 0.1))
    with one_step_at_a_time(tmp_path / "state"):
        assert "A step of another run is at work" in look(settled=True)["msg"]
        # The status does not wait.
        assert look()["live"] == ""
    assert look(settled=True)["live"] == ""


def test_the_fingerprint_is_that_of_the_live_release_on_disk(look, tmp_path):
    home = tmp_path / "home"
    make_release(home / "releases", "a")
    (home / "backend").symlink_to(home / "releases/a/backend")
    unit = tmp_path / "unit"
    unit.write_text("x")
    expected = f"release a\nenvironment {sha256(b'A=1' + bytes([10])).hexdigest()}\n{unit} {sha256(b'x').hexdigest()}\n"
    assert look(files=(str(unit),))["fingerprint"] == expected


BUILDS = ["customer-ui/build", "admin-ui/build"]


@pytest.fixture
def site(tmp_path) -> Path:
    for age, name in enumerate(("new", "old")):
        make_release(tmp_path / "releases", name, tuple(BUILDS), age * 100)
    return tmp_path


@pytest.fixture
def keep(site, capsys):
    """Run fastapi_app_assets on the site."""
    options = {"releases": str(site / "releases"), "dest": str(site / "assets"), "builds": BUILDS}

    def keep_assets(**others) -> tuple[bool, int, int]:
        result = run(assets, capsys, **(options | others))
        return result["changed"], result["added"], result["removed"]

    return keep_assets


def kept(site: Path) -> set[str]:
    """Return the paths in the asset directory."""
    return {str(path.relative_to(site / "assets")) for path in (site / "assets").rglob("*") if path.is_file()}


def names(*releases: str) -> set[str]:
    """Return the asset paths of these releases."""
    return {
        f"{build}/assets/{file}"
        for build in BUILDS
        for name in releases
        for file in (f"index-{name}.js", "same-1.css", f"inner/{name}.png")
    }


def test_hashed_files_of_all_releases_are_linked(site, keep):
    assert keep() == (True, 10, 0)
    assert kept(site) == names("old", "new")
    first = "customer-ui/build/assets/index-old.js"
    assert (site / "assets" / first).samefile(site / "releases/old/frontend" / first)
    assert (site / "assets/customer-ui/build/assets/same-1.css").read_text() == "same-1.css of new"
    assert keep() == (False, 0, 0)


def test_files_of_a_removed_release_are_removed(site, keep):
    keep()
    shutil.rmtree(site / "releases/old")
    assert keep() == (True, 0, 4)
    assert kept(site) == names("new")
    assert keep() == (False, 0, 0)


def test_a_new_release_adds_its_files(site, keep):
    keep()
    make_release(site / "releases", "third", tuple(BUILDS))
    assert keep() == (True, 4, 0)
    assert kept(site) == names("old", "new", "third")


KEPT = {
    # By whom, and whether browsers may keep it for ever.
    "/assets/index-4f9a1c2b.js": True,
    "/assets/index-BwYz3QHa.js": True,
    "/assets/index-Bw-z_QHa.css": True,
    "/assets/logo.png": False,
    "/static/js/2.aaa.chunk.js": False,
    "/static/js/main.0a1b2c3d.chunk.js.map": True,
    "/static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg": True,
    "/chunk-ABCD2345.js": True,
    "/main.js": False,
    "/_app/immutable/chunks/x.js": True,
    "/_app/version.json": False,
    "/_nuxt/BX0vDEXT.js": True,
    "/_next/static/chunks/1.js": True,
    "/fonts/kitchen.woff2": False,
}
NOT_KEPT = (
    "/index.html",
    "/about/index.html",
    "/sw.js",
    "/ngsw-worker.js",
    "/firebase-messaging-sw.js",
    "/robots.txt",
    "/logo.png",
    "/photo-1024x768.jpg",
    "/hero-portrait.jpg",
    "/photo-20240101.jpg",
    "/home-picture2.jpg",
    "/hero-Portrait.jpg",
)


@pytest.mark.parametrize("place", [*KEPT, *NOT_KEPT])
def test_what_pages_load_is_kept_and_a_hash_is_told_from_a_word(place):
    assert cutover.is_kept(place) is (place in KEPT)
    hashed = any(re.search(form, place) for form in cutover.HASHED)
    assert hashed is KEPT.get(place, False)


def test_nginx_and_the_archive_know_the_same_hashes():
    template = (ROOT / "roles/nginx/templates/site.conf.j2").read_text()
    assert re.findall(r"^  '(.+)',$", template, re.MULTILINE) == list(cutover.HASHED)


def test_an_incomplete_release_adds_nothing(site, keep):
    (site / "releases/new/manifest.json").unlink()
    (site / "releases/note.txt").touch()
    keep()
    assert kept(site) == names("old")


def test_links_and_unhashed_files_are_skipped(site, keep):
    (site / "releases/new/frontend/customer-ui/build/assets/passwd").symlink_to("/etc/passwd")
    keep()
    assert not any(name.endswith(("passwd", "index.html")) for name in kept(site))


def test_without_releases_all_files_are_removed(site, keep):
    keep()
    assert keep(releases=str(site / "none")) == (True, 0, 10)
    assert kept(site) == set()


def test_check_mode_writes_nothing(site, keep):
    assert keep(check=True) == (True, 10, 0)
    assert not (site / "assets").exists()
    keep()
    shutil.rmtree(site / "releases/old")
    assert keep(check=True) == (True, 0, 4)
    assert kept(site) == names("old", "new")


@pytest.mark.parametrize(("error", "copied"), [(errno.EXDEV, True), (errno.ENOSPC, False)])
def test_another_file_system_gets_copies(site, keep, monkeypatch, error, copied):
    def refuse(*_) -> None:
        raise OSError(error, "no")

    monkeypatch.setattr(os, "link", refuse)
    if not copied:
        with pytest.raises(OSError, match="no"):
            keep()
        return
    assert keep() == (True, 10, 0)
    file = site / "assets/customer-ui/build/assets/index-old.js"
    assert (file.read_text(), file.stat().st_nlink) == ("index-old.js of old", 1)
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(
        (site / "releases/old/frontend/customer-ui/build/assets/index-old.js").stat().st_mode
    )
