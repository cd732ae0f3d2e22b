"""What is rehearsed is the real inventory: only the cloud and an operator's answers differ."""

import pytest
import yaml

from tests.rehearsal import inventories


@pytest.fixture(params=inventories.ENVIRONMENTS)
def rehearsed(request, tmp_path):
    return request.param, inventories.write(request.param, tmp_path)


def test_every_file_but_the_clouds_is_the_real_one(rehearsed):
    environment, folder = rehearsed
    real = inventories.ROOT / "inventories" / environment
    names = {path.relative_to(real) for path in real.rglob("*") if path.is_file()}
    own = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} - names
    assert [str(name) for name in own] == ["group_vars/all/operator.yml"]
    copied = [str(name) for name in names if not (folder / name).samefile(real / name)]
    assert copied == ["00-cloud.yml"]


def test_the_cloud_differs_in_endpoint_and_account(rehearsed):
    environment, folder = rehearsed
    real = yaml.safe_load((inventories.ROOT / "inventories" / environment / "00-cloud.yml").read_text())
    written = yaml.safe_load((folder / "00-cloud.yml").read_text())
    assert "endpoint" not in real
    assert written["endpoint"].startswith("http://127.0.0.1:")
    assert {name for name in written if written[name] != real.get(name)} == {
        "account",
        "endpoint",
        "local_cloud",
    }


def test_it_shares_nothing_with_the_other_local_clouds():
    others = [
        yaml.safe_load((inventories.ROOT / path / "00-cloud.yml").read_text())["local_cloud"]
        for path in ("inventories/local", "tests/inventory")
    ]
    settings = inventories.cloud(inventories.ROOT / "inventories/production/00-cloud.yml")["local_cloud"]
    for name in ("name", "container_prefix", "loopback_range", "port"):
        assert settings[name] not in [other[name] for other in others], name


def test_an_operator_answers_what_the_inventory_asks(rehearsed):
    environment, folder = rehearsed
    answers = yaml.safe_load((folder / "group_vars/all/operator.yml").read_text())
    assert answers["aws_compute_public_key_file"].endswith(f"rehearsal/ssh/{environment}-key.pub")
    assert ("table_order_self_signed" in answers) is (environment == "production")
