"""collections/requirements.yml names the versions that the PyPI package "ansible" carries."""

import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COLLECTIONS = yaml.safe_load((ROOT / "collections/requirements.yml").read_text())["collections"]


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda c: c["name"])
def test_collection_version_is_the_installed_one(collection):
    manifest = metadata.distribution("ansible").locate_file(
        f"ansible_collections/{collection['name'].replace('.', '/')}/MANIFEST.json"
    )
    installed = yaml.safe_load(Path(str(manifest)).read_text())["collection_info"]["version"]
    assert collection["version"] == installed


def test_every_collection_in_use_is_named():
    used = set()
    for path in [
        *ROOT.glob("roles/**/*.yml"),
        *ROOT.glob("playbooks/*.yml"),
        *ROOT.glob("molecule/**/*.yml"),
    ]:
        used |= set(
            re.findall(
                r"\b((?:amazon|community|containers)\.[a-z]+|ansible\.posix)\.[a-z_0-9]+:", path.read_text()
            )
        )
    named = {collection["name"] for collection in COLLECTIONS}
    assert used <= named, f"add to collections/requirements.yml: {used - named}"


def test_the_execution_environment_has_the_versions_of_the_lock_file():
    dependencies = yaml.safe_load((ROOT / "execution-environment.yml").read_text())["dependencies"]
    assert dependencies["galaxy"] == "collections/requirements.yml"
    locked = set(re.findall(r"^([a-z0-9-]+==[^ ]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    pinned = [
        dependencies["ansible_core"]["package_pip"],
        *(one for one in dependencies["python"] if "==" in one),
    ]
    assert {one.split("==")[0] for one in pinned} == {"ansible-core", "boto3", "botocore"}
    assert set(pinned) <= locked


def test_no_registry_is_named_in_the_lock_files():
    for lock in [ROOT / "requirements.txt", *ROOT.glob("examples/**/requirements*.txt")]:
        assert "://" not in lock.read_text(), f"{lock} names an address"


def test_the_lock_has_what_is_pinned():
    pinned = re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)$", (ROOT / "requirements.in").read_text(), re.M)
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.M)
    assert len(pinned) > 5
    assert set(pinned) <= set(locked), "compile it again: the command is in its first lines"
