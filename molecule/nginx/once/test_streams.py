"""Slow tests, independent of the faults: open streams, and an idle one."""

import os
import time

import pytest
import testinfra

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")


def test_a_stream_that_is_open_stays_where_it_is(host, ask, start_backend, flag_directory):
    start_backend(8000)
    start_backend(8001)
    switch = "(sleep 1; touch /run/kitchen/live) &"
    run = host.run(
        f"{switch} curl -sN --max-time 3 'http://localhost/api/admin/orders/stream?token=x'; echo $?"
    )
    assert run.stdout == "event: order_created\ndata: 0\n\n28\n", "it has ended by itself"
    assert '"port": 8001' in ask("http://localhost/api/x").body


class TestOptions:
    """On the second container, with a stream timeout of two seconds."""

    @pytest.fixture(scope="class")
    def host(self):
        return testinfra.get_host(f"{ENGINE}://table-order-molecule-nginx-options")

    def test_a_silent_stream_ends_after_its_time(self, host, start_backend):
        start_backend(9000)
        begin = time.monotonic()
        run = host.run("curl -skN --max-time 20 https://localhost:8443/api/events")
        assert "data: 0" in run.stdout
        assert 1.5 < time.monotonic() - begin < 10
