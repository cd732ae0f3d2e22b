"""Every filter and lookup of the collection is documented, with the parameters that it has."""

import inspect
from importlib import import_module

import pytest
import yaml

from tests.unit.tasks import COLLECTION, ROOT

FILTERS = {
    name: function
    for path in ROOT.glob("plugins/filter/*.py")
    for name, function in import_module(f"ansible_collections.{COLLECTION}plugins.filter.{path.stem}")
    .FilterModule()
    .filters()
    .items()
}
LOOKUPS = [path.stem for path in ROOT.glob("plugins/lookup/*.py")]


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_has_a_document_of_its_parameters(name):
    document = yaml.safe_load((ROOT / f"plugins/filter/{name}.yml").read_text())
    described = document["DOCUMENTATION"]
    assert described["name"] == name
    assert f"| {COLLECTION}{name}" in document["EXAMPLES"]
    first, *others = inspect.signature(FILTERS[name]).parameters.values()
    assert first.default is first.empty
    assert [one.name for one in others] == described.get("positional", "").replace(",", "").split()
    assert {one.name: one.default is one.empty for one in others} | {"_input": True} == {
        option: description.get("required", False) for option, description in described["options"].items()
    }


def test_no_document_is_left_over():
    assert {path.stem for path in ROOT.glob("plugins/filter/*.yml")} == set(FILTERS)


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_lookup_is_documented(name):
    module = import_module(f"ansible_collections.{COLLECTION}plugins.lookup.{name}")
    assert yaml.safe_load(module.DOCUMENTATION)["name"] == name
    assert f"'{COLLECTION}{name}'" in module.EXAMPLES
    assert yaml.safe_load(module.RETURN)
