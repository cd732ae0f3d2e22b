"""What is rehearsed is the real inventory: only the cloud and an operator's answers differ."""

from pathlib import Path

import pytest
import yaml

from tests.rehearsal import inventories


@pytest.fixture(params=inventories.FORMS)
def rehearsed(request, tmp_path):
    return request.param, inventories.write(request.param, tmp_path)


def read(path):
    return yaml.safe_load(path.read_text())


def test_every_file_but_the_clouds_is_the_real_one(rehearsed):
    form, directory = rehearsed
    real = inventories.ROOT / "inventories" / inventories.FORMS[form][0]
    names = {path.relative_to(real) for path in real.rglob("*") if path.is_file()}
    own = {path.relative_to(directory) for path in directory.rglob("*") if path.is_file()} - names
    assert [str(name) for name in own] == ["group_vars/all/operator.yml"]
    copied = [str(name) for name in names if not (directory / name).samefile(real / name)]
    assert copied == ["00-cloud.yml"]
    assert max(path.name for path in (directory / "group_vars/all").iterdir()) == "operator.yml"


def test_the_cloud_differs_in_endpoint_and_account_and_elsewhere_in_the_region(rehearsed):
    form, directory = rehearsed
    environment, elsewhere = inventories.FORMS[form]
    real = read(inventories.ROOT / "inventories" / environment / "00-cloud.yml")
    written = read(directory / "00-cloud.yml")
    assert "endpoint" not in real
    assert written["endpoint"].startswith("http://127.0.0.1:")
    differs = {name for name in written if written[name] != real.get(name)}
    assert differs == {"account", "endpoint", "local_cloud", *(["region"] if elsewhere else [])}


def test_it_shares_nothing_with_the_other_local_clouds():
    others = [
        read(inventories.ROOT / path / "00-cloud.yml")["local_cloud"]
        for path in ("inventories/local", "tests/inventory")
    ]
    settings = inventories.cloud(inventories.ROOT / "inventories/production/00-cloud.yml")["local_cloud"]
    for name in ("name", "container_prefix", "loopback_range", "port"):
        assert settings[name] not in [other[name] for other in others], name


def test_elsewhere_every_port_is_another_one():
    usual = read(inventories.ROOT / "inventories/shared/site.yml")
    ports = {name for name, value in usual.items() if isinstance(value, int)}
    assert ports == inventories.PORTS.keys()
    assert not [name for name in ports if inventories.PORTS[name] == usual[name]]


def test_an_operator_answers_what_the_inventory_asks(rehearsed):
    form, directory = rehearsed
    answers = read(directory / "group_vars/all/operator.yml")
    files = [answers[name] for name in answers if name.endswith("_file")]
    assert len(files) == (4 if form.endswith("-elsewhere") else 1)
    assert all(Path(file).is_file() for file in files)
    assert ("table_order_self_signed" in answers) is (form == "production")
