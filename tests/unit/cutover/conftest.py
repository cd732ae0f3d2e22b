"""Servers of the stand-in, in the states that deployments begin with."""

import itertools

import pytest

from tests.unit.cutover.fake_server import FakeServer


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that makes a server where "a" is live, or nothing, and "b" is built."""
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
