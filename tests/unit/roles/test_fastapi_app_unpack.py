"""Unpacking of archives: no member of a hostile archive leaves the release."""

import importlib.util
import io
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.unit.roles.modules import run

PATH = Path(__file__).parents[3] / "plugins/modules/fastapi_app_unpack.py"
specification = importlib.util.spec_from_file_location(PATH.stem, PATH)
unpack = importlib.util.module_from_spec(specification)
specification.loader.exec_module(unpack)

# The name of a member, and the content of a file, or its kind and the target of a link.
SOUND = [
    ("app/", "directory"),
    ("app/main.py", b"code"),
    ("app/run", b"#!/bin/sh"),
    ("current", ("link", "app/main.py")),
]
TYPES = {
    "directory": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "same": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
}


def tar(path: Path, members: list, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, what in members:
            header = tarfile.TarInfo(name)
            header.mode = 0o755 if name.endswith("run") else 0o644
            content = what if isinstance(what, bytes) else b""
            header.size = len(content)
            if not isinstance(what, bytes):
                kind, header.linkname = (what, "") if isinstance(what, str) else what
                header.type = TYPES[kind]
            archive.addfile(header, io.BytesIO(content))
    return path


def zip_(path: Path, members: list) -> Path:
    modes = {"directory": stat.S_IFDIR, "link": stat.S_IFLNK, "pipe": stat.S_IFIFO, "device": stat.S_IFCHR}
    with zipfile.ZipFile(path, "w") as archive:
        for name, what in members:
            entry = zipfile.ZipInfo(name)
            kind = "" if isinstance(what, bytes) else what if isinstance(what, str) else what[0]
            entry.external_attr = (modes.get(kind, 0) | (0o755 if name.endswith("run") else 0o644)) << 16
            archive.writestr(entry, what if isinstance(what, bytes) else what[1] if kind == "link" else b"")
    return path


MAKE = {
    "tar.gz": tar,
    "tar": lambda path, members: tar(path, members, "w"),
    "tar.xz": lambda path, members: tar(path, members, "w:xz"),
    "zip": zip_,
}


@pytest.fixture
def dest(tmp_path) -> Path:
    (tmp_path / "release").mkdir()
    return tmp_path / "release"


@pytest.mark.parametrize("form", MAKE)
def test_a_sound_archive_is_unpacked(form, tmp_path, dest):
    assert len(unpack.unpack_archive(MAKE[form](tmp_path / "archive", SOUND), dest, 0, [])) == 2
    assert (dest / "app/main.py").read_bytes() == b"code"
    assert (dest / "current").resolve() == dest / "app/main.py"
    assert [(dest / name).stat().st_mode & 0o7777 for name in ("app/main.py", "app/run")] == [0o644, 0o755]


@pytest.mark.parametrize("form", MAKE)
def test_leading_directories_are_stripped(form, tmp_path, dest):
    members = [("README", b"x"), *((f"shop-1.2/{name}", what) for name, what in SOUND)]
    assert len(unpack.unpack_archive(MAKE[form](tmp_path / "archive", members), dest, 1, [])) == 2
    assert sorted(path.name for path in dest.iterdir()) == ["app", "current"]
    assert (dest / "current").read_bytes() == b"code"


def test_a_hard_link_becomes_a_copy(tmp_path, dest):
    archive = tar(tmp_path / "archive", [("x/a.py", b"code"), ("x/b.py", ("same", "x/a.py"))])
    assert len(unpack.unpack_archive(archive, dest, 1, [])) == 2
    assert (dest / "b.py").read_bytes() == b"code"
    assert (dest / "b.py").stat().st_nlink == 1


def test_mode_bits_are_ignored(tmp_path, dest):
    header = tarfile.TarInfo("app")
    header.mode, header.uid = 0o6777, 12345
    with tarfile.open(tmp_path / "archive", "w") as archive:
        archive.addfile(header, io.BytesIO())
    unpack.unpack_archive(tmp_path / "archive", dest, 0, [])
    assert (dest / "app").stat().st_mode & 0o7777 == 0o755


HOSTILE = {
    "climbs": ([("../out", b"x")], '"../out" has ".." in its path'),
    "climbs in the middle": ([("app/../../out", b"x")], 'has ".." in its path'),
    "absolute": ([("/srv/out", b"x")], '"/srv/out" lies outside the archive'),
    "link out": ([("app/link", ("link", "/etc/passwd"))], "which lies outside"),
    "link up and out": ([("app/link", ("link", "../../x"))], "which lies outside"),
    "link that goes down and up": (
        [("here", ("link", ".")), ("app/x", ("link", "../here/../../x"))],
        "goes up after",
    ),
    "file behind a link": ([("app", ("link", "other")), ("app/main.py", b"x")], 'lies behind the link "app"'),
    "link behind a link": ([("a", ("link", "b")), ("c", ("link", "a/x"))], 'lies behind the link "a"'),
    "pipe": ([("pipe", "pipe")], '"pipe" is neither a file, a directory nor a link'),
    "device": ([("device", "device")], "is neither a file"),
}


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_before_the_first_write(case, form, tmp_path, dest):
    members, reason = HOSTILE[case]
    before = set(tmp_path.rglob("*"))
    archive = MAKE[form](
        tmp_path / "archive", [*SOUND[1:2], *members] if case != "file behind a link" else members
    )
    with pytest.raises(unpack.RefusedError) as refused:
        unpack.unpack_archive(archive, dest, 0, [])
    assert reason in str(refused.value)
    assert set(tmp_path.rglob("*")) == before | {archive}


def test_a_link_to_a_stripped_directory_is_refused(tmp_path, dest):
    archive = tar(tmp_path / "archive", [("x/link", ("link", "../y/file")), ("y/file", b"x")])
    with pytest.raises(unpack.RefusedError, match="outside the unpacked part"):
        unpack.unpack_archive(archive, dest, 1, [])


def test_a_hard_link_to_the_outside_is_refused(tmp_path, dest):
    archive = tar(tmp_path / "archive", [("shadow", ("same", "/etc/shadow"))])
    with pytest.raises(unpack.RefusedError, match="outside the archive"):
        unpack.unpack_archive(archive, dest, 0, [])
    assert list(dest.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no archive", "cut off"])
def test_an_invalid_archive_is_refused(content, tmp_path, dest):
    archive = tar(tmp_path / "archive", [("big", bytes(range(256)) * 4096)])
    archive.write_bytes(archive.read_bytes()[:2000] if content == "cut off" else content)
    with pytest.raises((unpack.RefusedError, OSError)):
        unpack.unpack_archive(archive, dest, 0, [])


LATIN = os.fsdecode(b"tests/d\xe9j\xe0.txt")


def test_a_name_of_another_encoding_is_unpacked_and_shown_escaped(tmp_path, dest, capsys):
    archive = tar(tmp_path / "archive", [(LATIN, b"x"), ("김치.txt", b"y")])
    said = run(unpack, capsys, path=str(archive), dest=str(dest))
    assert set(said["checksums"]) == {"tests/d\\xe9j\\xe0.txt", "김치.txt"}
    assert [os.fsencode(path.name) for path in (dest / "tests").iterdir()] == [b"d\xe9j\xe0.txt"]


def test_a_refused_name_of_another_encoding_is_shown_escaped(tmp_path, dest, capsys):
    archive = tar(tmp_path / "archive", [(LATIN, "pipe")])
    said = run(unpack, capsys, path=str(archive), dest=str(dest))
    assert '"tests/d\\xe9j\\xe0.txt" is neither a file' in said["msg"]


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_a_link_out_of_a_part_becomes_a_copy(form, tmp_path, dest):
    members = [
        ("services/shop/README.md", ("link", "../../README.md")),
        ("services/shop/src/shared", ("link", "../../../libs/shared")),
        ("services/shop/inner", ("link", "src")),
        ("services/shop/gone", ("link", "../gone")),
        ("libs/shared/api.py", b"api"),
        ("libs/shared/alias.py", ("link", "api.py")),
        ("libs/shared/LICENSE", ("link", "../../LICENSE")),
        ("LICENSE", b"MIT"),
        ("README.md", b"read"),
        ("libs/README.md", ("link", "../README.md")),
    ]
    archive = MAKE[form](tmp_path / "archive", members)
    checksums = unpack.unpack_archive(archive, dest, 0, ["services/shop", "web/build"])
    shop = (dest / "services/shop").rename(tmp_path / "backend")
    assert (shop / "README.md").read_bytes() == b"read"
    found = {path.name: path.read_bytes() for path in (shop / "src/shared").iterdir()}
    assert found == {"api.py": b"api", "alias.py": b"api", "LICENSE": b"MIT"}
    assert not (shop / "src/shared").is_symlink()
    assert [str((shop / name).readlink()) for name in ("inner", "gone", "src/shared/alias.py")] == [
        *("src", "../gone"),
        "api.py",
    ]
    assert "services/shop/src/shared/api.py" in checksums
    # Other parts of the source are not deployed.
    assert (dest / "libs/README.md").is_symlink()


def test_links_that_lead_to_each_other_are_refused(tmp_path, dest):
    members = [("a/b", ("link", "../c")), ("c/d", ("link", "../a/x")), ("a/x/e", ("link", "../../c"))]
    archive = tar(tmp_path / "archive", members)
    with pytest.raises(unpack.RefusedError, match="which is a link back"):
        unpack.unpack_archive(archive, dest, 0, ["a"])


def windows_zip(path: Path, names: dict[str, bytes]) -> Path:
    """Return a zip file as Windows makes it: without modes, and with backslashes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in names.items():
            entry = zipfile.ZipInfo("x" * len(name))
            entry.filename, entry.create_system, entry.external_attr = name, 0, 0x20
            archive.writestr(entry, content)
    return path


def test_a_zip_file_of_windows_is_unpacked(tmp_path, dest):
    files = {"shop-1.0\\": b"", "shop-1.0\\src\\main.py": b"code", "shop-1.0\\uv.lock": b"lock"}
    assert set(unpack.unpack_archive(windows_zip(tmp_path / "a.zip", files), dest, 1, [])) == {
        "src/main.py",
        "uv.lock",
    }
    assert (dest / "src/main.py").stat().st_mode & 0o7777 == 0o644
    refused = windows_zip(tmp_path / "b.zip", {"app\\..\\..\\out": b"x"})
    with pytest.raises(unpack.RefusedError, match=r'has "\.\." in its path'):
        unpack.unpack_archive(refused, dest, 0, [])


def test_the_names_of_a_zip_file_are_its_bytes(tmp_path, dest):
    """macOS writes UTF-8 without its mark, Windows the encoding of its language."""
    names = ["김치.txt".encode(), "김치.txt".encode("cp949"), b"d\x82j\x85.txt"]
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        for place, name in enumerate(names):
            archive.writestr(chr(ord("a") + place) * len(name), b"x")
    content = (tmp_path / "archive").read_bytes()
    for place, name in enumerate(names):
        content = content.replace(bytes([ord("a") + place]) * len(name), name)
    (tmp_path / "archive").write_bytes(content)
    assert len(unpack.unpack_archive(tmp_path / "archive", dest, 0, [])) == 3
    assert {os.fsencode(path.name) for path in dest.iterdir()} == set(names)


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_what_macos_adds_is_skipped(form, tmp_path, dest):
    members = [
        *(
            ("./app/main.py", b"code"),
            ("./app/._main.py", b"\x00\x05\x16\x07junk"),
            ("./app/.DS_Store", b"x"),
        ),
        *(("__MACOSX/app/._main.py", b"x"), ("./app/._own", b"mine"), ("./", "directory")),
    ]
    found = unpack.unpack_archive(MAKE[form](tmp_path / "archive", members), dest, 0, [])
    assert set(found) == {"app/main.py", "app/._own"}


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"


def test_a_pointer_of_git_lfs_is_refused_by_name(tmp_path, dest, capsys):
    members = [("app/model.bin", POINTER), ("app/tests/big.png", POINTER), ("docs/logo.psd", POINTER)]
    archive = str(tar(tmp_path / "archive", members))
    said = run(unpack, capsys, path=archive, dest=str(dest), parts=["app", "web"], exclude=["tests"])
    assert '"app/model.bin": a pointer of Git LFS in place of the file' in said["msg"]
    assert "tests" not in said["msg"]
    for parts in (["docs/logo"], []):
        shutil.rmtree(dest)
        dest.mkdir()
        assert not run(unpack, capsys, path=archive, dest=str(dest), parts=parts).get("failed")
