"""The bundle of a local source: equal content gives an equal hash, and outside files are refused."""

import importlib.util
import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.unit.roles.modules import run

PATH = Path(__file__).parents[3] / "plugins/modules/fastapi_app_bundle.py"
specification = importlib.util.spec_from_file_location(PATH.stem, PATH)
bundle = importlib.util.module_from_spec(specification)
specification.loader.exec_module(bundle)


@pytest.fixture
def tree(tmp_path) -> Path:
    for name in ("backend/app/main.py", "backend/tests/test_main.py", "backend/app/main.pyc", "other/file"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def name_of(tree: Path, *parts: str) -> str:
    return bundle.bundle(tree, list(parts) or ["backend"], ["tests", "*.pyc"], None)[0]


def read(packed: io.BytesIO) -> tarfile.TarFile:
    packed.seek(0)
    return tarfile.open(fileobj=packed)


def test_the_bundle_contains_only_included_files(tree):
    packed = io.BytesIO()
    _, files = bundle.bundle(tree, ["backend", "missing"], ["tests", "*.pyc"], packed)
    assert read(packed).getnames() == ["backend/app", "backend/app/main.py"]
    assert files == 1


def test_times_and_excluded_files_do_not_change_the_hash(tree):
    before = name_of(tree)
    os.utime(tree / "backend/app/main.py", (1, 1))
    (tree / "backend/tests/test_main.py").write_text("changed")
    (tree / "other/file").write_text("changed")
    assert name_of(tree) == before


@pytest.mark.parametrize("change", ["content", "name", "executable", "new file"])
def test_deployed_content_changes_the_hash(tree, change):
    before, file = name_of(tree), tree / "backend/app/main.py"
    match change:
        case "content":
            file.write_text("changed")
        case "name":
            file.rename(file.with_name("other.py"))
        case "executable":
            file.chmod(0o755)
        case "new file":
            file.with_name("new.py").touch()
    assert name_of(tree) != before


def test_link_out_of_the_tree_is_refused(tree):
    (tree / "backend/secret").symlink_to("/etc/passwd")
    with pytest.raises(bundle.RefusedError, match=r"/etc/passwd, which lies outside"):
        name_of(tree)


def test_link_within_is_kept(tree):
    (tree / "backend/alias.py").symlink_to("app/main.py")
    packed = io.BytesIO()
    bundle.bundle(tree, ["backend"], ["tests", "*.pyc"], packed)
    assert read(packed).getmember("backend/alias.py").linkname == "app/main.py"


def test_what_links_lead_to_is_packed_as_well(tree):
    """The server makes copies of it, since only the parts are deployed."""
    for name in (
        "libs/shared/api.py",
        "libs/shared/tests/test_api.py",
        "libs/LICENSE",
        ".secrets/key",
        "web/build/a",
    ):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    links = {"shared": "../libs/shared", "key": "../.secrets/key", "gone": "../gone", "a": "../web/build/a"}
    for name, target in links.items():
        (tree / "backend" / name).symlink_to(target)
    (tree / "libs/shared/LICENSE").symlink_to("../LICENSE")
    packed = io.BytesIO()
    bundle.bundle(tree, ["backend", "web/build"], ["tests", "*.pyc", ".secrets"], packed)
    assert set(read(packed).getnames()) == {
        *("backend/app", "backend/app/main.py", *(f"backend/{name}" for name in links), "web/build/a"),
        *("libs/shared/api.py", "libs/shared/LICENSE", "libs/LICENSE"),
    }


def test_pipe_is_refused(tree):
    os.mkfifo(tree / "backend/pipe")
    with pytest.raises(bundle.RefusedError, match="neither a file"):
        name_of(tree)


def test_a_name_of_another_encoding_is_packed_byte_for_byte(tree, capsys):
    name = os.fsdecode(b"d\xe9j\xe0.txt")
    (tree / "backend" / name).touch()
    packed = io.BytesIO()
    bundle.bundle(tree, ["backend"], ["tests", "*.pyc"], packed)
    assert f"backend/{name}" in read(packed).getnames()
    os.mkfifo(tree / "backend" / f"{name}.pipe")
    said = run(bundle, capsys, path=str(tree), include=["backend"])
    assert "backend/d\\xe9j\\xe0.txt.pipe is neither a file" in said["msg"]
