"""Servers of the stand-in, in the states that deployments begin with."""

import itertools
from pathlib import Path

import ansible.module_utils
import pytest

# What "module_utils" in ansible.cfg does for a play.
ansible.module_utils.__path__.append(str(Path(__file__).parents[3] / "plugins/module_utils"))


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that makes a server where "a" is live, or nothing, and "b" is built."""
    from tests.unit.cutover.fake_server import FakeServer

    # No test cuts the power.
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    numbers = itertools.count()

    def make_server(live="a", **options):
        server = FakeServer(tmp_path / str(next(numbers)), **options)
        if live:
            server.have_live(live)
        server.make_release("b")
        return server

    return make_server
