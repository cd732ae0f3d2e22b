"""Loads the collection's plugins, and runs modules as Ansible does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from ansible.module_utils.testing import patch_module_args

PLUGINS = Path(__file__).parents[3] / "plugins"


def load(path: str) -> ModuleType:
    """Return the Python file at ``path`` below plugins/ as a module."""
    specification = importlib.util.spec_from_file_location(Path(path).stem, PLUGINS / path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def run(
    module: ModuleType, capsys: pytest.CaptureFixture[str], check: bool = False, **options: object
) -> dict:
    """Run an Ansible module and return its result."""
    with patch_module_args(options | {"_ansible_check_mode": check}), pytest.raises(SystemExit):
        module.main()
    return json.loads(capsys.readouterr().out)
