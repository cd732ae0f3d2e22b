"""Build output changes its owner without changes to other files, despite hostile links."""

import os
import stat
from pathlib import Path

import pytest

from tests.unit.roles.modules import load, run

own = load("modules/fastapi_app_own.py")
ME, GROUP = os.getuid(), os.getgid()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def victim(tmp_path) -> Path:
    """Return a private directory with a private file outside the tree."""
    directory = tmp_path / "elsewhere"
    directory.mkdir(mode=0o700)
    (directory / "shadow").write_text("secret")
    (directory / "shadow").chmod(0o600)
    return directory


@pytest.fixture
def tree(tmp_path) -> Path:
    """Return a typical build output."""
    root = tmp_path / "backend"
    (root / "venv/bin").mkdir(parents=True)
    for name, bits in (("main.py", 0o600), ("venv/bin/uvicorn", 0o710), ("venv/bin/odd", 0o6777)):
        (root / name).write_text("code")
        (root / name).chmod(bits)
    (root / "venv/bin/python").symlink_to("/usr/bin/python3")
    return root


def hand_over(root: Path, within: str = ""):
    return own.hand_over(root, ME, ME, GROUP, within)


def test_all_users_may_read_and_only_the_owner_may_write(tree):
    tree.chmod(0o2777)
    done = hand_over(tree)
    assert (done.changed, done.entries) == (True, 7)
    expected = {
        "": 0o755,
        "main.py": 0o644,
        "venv/bin": 0o755,
        "venv/bin/uvicorn": 0o755,
        "venv/bin/odd": 0o755,
    }
    assert {name: mode(tree / name) for name in expected} == expected
    assert hand_over(tree).changed is False


@pytest.mark.parametrize("target", ["elsewhere", "elsewhere/shadow", "/", ".", "..", "/etc", "nowhere"])
def test_no_link_is_followed(tree, victim, target):
    (tree / "x").symlink_to(target if target.startswith(("/", ".")) else tree.parent / target)
    before = (mode(victim), mode(victim / "shadow"), mode(tree.parent), mode(Path("/etc/shadow")))
    assert hand_over(tree).entries == 8
    assert (mode(victim), mode(victim / "shadow"), mode(tree.parent), mode(Path("/etc/shadow"))) == before
    assert (tree / "x").is_symlink()


def test_a_link_in_place_of_the_directory_itself_is_refused(tmp_path, victim):
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(OSError, match="link"):
        hand_over(tmp_path / "link")
    assert mode(victim) == 0o700


def test_a_hard_link_to_another_users_file_is_refused(tree, victim, monkeypatch):
    os.link(victim / "shadow", tree / "x")
    ours = own.os.fstat

    def somebody_elses(found: os.stat_result) -> os.stat_result:
        fields = list(found)
        if found.st_ino == (victim / "shadow").stat().st_ino:
            fields[4] = ME + 1
        return os.stat_result(fields)

    monkeypatch.setattr(own.os, "fstat", lambda descriptor: somebody_elses(ours(descriptor)))
    with pytest.raises(own.RefusedError, match=r"x belongs to user \d+: a hard link to another user's"):
        hand_over(tree)
    assert mode(victim / "shadow") == 0o600


@pytest.mark.parametrize("links", [1, 2])
def test_an_entry_of_the_new_owner_is_accepted_without_a_hard_link(tree, links):
    # All entries already belong to the new owner.
    if links > 1:
        os.link(tree / "main.py", tree / "second")
        with pytest.raises(own.RefusedError, match="hard link"):
            own.hand_over(tree, ME + 1, ME, GROUP)
    else:
        assert own.hand_over(tree, ME + 1, ME, GROUP).entries == 7


def test_a_file_of_a_third_user_is_refused(tree):
    with pytest.raises(own.RefusedError, match=f"belongs to user {ME}"):
        own.hand_over(tree, ME + 1, ME + 2, GROUP)
    assert mode(tree / "main.py") == 0o600


def test_a_pipe_is_refused_without_blocking(tree):
    os.mkfifo(tree / "x")
    with pytest.raises(own.RefusedError, match="x is neither a file, a directory nor a link"):
        hand_over(tree)


@pytest.mark.parametrize(
    ("target", "inside"), [("main.py", True), ("../frontend", True), ("../../x", False), ("/etc", False)]
)
def test_a_link_of_a_source_stays_within_the_release(tmp_path, target, inside):
    (tmp_path / "release/backend").mkdir(parents=True)
    (tmp_path / "release/backend/x").symlink_to(target)
    if inside:
        assert hand_over(tmp_path / "release/backend", str(tmp_path / "release")).entries == 2
    else:
        with pytest.raises(own.RefusedError, match=f"x is a link to {target}, which lies outside "):
            hand_over(tmp_path / "release/backend", str(tmp_path / "release"))


def test_the_module_names_a_missing_user(capsys, tree):
    said = run(own, capsys, path=str(tree), from_user="nobody-has-this-name", to_user="root")
    assert said["failed"]
    assert "nobody-has-this-name" in said["msg"]
