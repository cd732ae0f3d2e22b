"""The local cloud's modules lie in layers: each imports only what lies below it, so there is no circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = "local_cloud"
# From top to bottom; the modules of one line know nothing of each other.
LAYERS = """
__main__
run
server
door metadata server_images snapshots
caches databases instances
backups
cloud
backing guard lag shims stops
needs network
calls machine_files
containers
shims.cloudwatch shims.ec2 shims.elasticache shims.images shims.rds shims.s3 shims.s3_policies shims.secretsmanager
shims.elasticache.clusters shims.elasticache.replication_groups shims.rds.changes shims.rds.restores
shims.rds.automated_backups shims.rds.instances
shims.elasticache.changes shims.elasticache.subnet_groups
shims.elasticache.node_types
shims.elasticache.common shims.elasticache.hooks
shims.rds.classes shims.rds.maintenance
shims.capacity
shims.rds.parameter_groups shims.rds.states shims.rds.storage shims.rds.subnet_groups shims.rds.versions shims.rds.windows
certificates faults patching policies settings
"""
LEVELS = {name: level for level, line in enumerate(LAYERS.split("\n")) for name in line.split()}


def modules(root: Path) -> dict[str, Path]:
    """Return the package's modules: name below the package to file; a package is its __init__.py."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, names: set[str]) -> Iterator[str]:
    """Yield what a file imports of the package, also inside functions and for the types alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            wanted = [one if one.removeprefix(f"{PACKAGE}.") in names else node.module for one in inside]
        else:
            continue
        yield from (one.removeprefix(f"{PACKAGE}.") for one in wanted if one.startswith(f"{PACKAGE}."))


def wrong_imports(root: Path, levels: dict[str, int]) -> list[str]:
    """Return "a -> b" for each import that does not point down."""
    found = modules(root)
    return [
        f"{name} -> {other}"
        for name, path in found.items()
        if name
        for other in imported(path, set(found))
        if levels[other] <= levels[name]
    ]


def test_every_module_has_its_layer():
    assert set(LEVELS) == set(modules(ROOT)) - {""}
    assert len(LEVELS) == len(LAYERS.split())


def test_imports_point_down():
    assert wrong_imports(ROOT, LEVELS) == []


def test_an_import_upwards_is_found_wherever_it_hides(tmp_path):
    package = tmp_path / PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "low.py").write_text("def late():\n    from local_cloud.high import work\n    work()\n")
    (package / "high.py").write_text("import local_cloud.low\nfrom local_cloud import low\n")
    (package / "typed.py").write_text("if TYPE_CHECKING:\n    from local_cloud import high\n")
    assert wrong_imports(tmp_path, {"high": 0, "low": 1, "typed": 1}) == ["low -> high", "typed -> high"]
