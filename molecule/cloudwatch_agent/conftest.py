"""Fixtures of both containers: the agents' cloud, and helpers to break and to apply the role."""

import logging
import os
import time

import boto3
import pytest
import testinfra
from moto.server import ThreadedMotoServer

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
NAME = "table-order-molecule-cloudwatch_agent"
LOGS = "/opt/fastapi-app/logs"
# Written into the agent's environment by prepare.yml.
PORT = 5811


@pytest.fixture(scope="session")
def cloud():
    """Return boto3 clients of a cloud that starts now, long after the agents: cloud("logs", "eu-central-1")."""
    host = testinfra.get_host(f"{ENGINE}://{NAME}")
    gateway = host.check_output("ip -4 route show default").split()[2]
    # A line per request would bury the message of a failing test.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(gateway, PORT, verbose=False)
    server.start()
    yield lambda service, region="ap-northeast-2": boto3.client(
        service,
        region_name=region,
        endpoint_url=f"http://{gateway}:{PORT}",
        **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "testing"),
    )
    server.stop()


@pytest.fixture
def arrived(cloud):
    """Wait for a text in a stream, and return all its messages."""

    def wait(group, stream, text, region="ap-northeast-2"):
        logs = cloud("logs", region)
        messages = []
        for _ in range(60):
            try:
                answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
            except logs.exceptions.ResourceNotFoundException:
                answer = {"events": []}
            messages = [event["message"] for event in answer["events"]]
            if any(text in message for message in messages):
                return messages
            time.sleep(0.5)
        raise AssertionError(f"{text!r} has not arrived in {group} {stream}: {messages[-5:]}")

    return wait


@pytest.fixture
def metrics(cloud):
    """Wait for metrics in a namespace, and return them."""

    def wait(namespace, region="ap-northeast-2"):
        for _ in range(60):
            found = cloud("cloudwatch", region).list_metrics(Namespace=namespace)["Metrics"]
            if found:
                return found
            time.sleep(0.5)
        raise AssertionError(f"no metric has arrived in {namespace}")

    return wait


@pytest.fixture
def write(host):
    """Append a line to a log file of the service."""

    def append(name, line):
        host.check_output("mkdir -p %s && echo %s >> %s", LOGS, line, f"{LOGS}/{name}")

    return append


@pytest.fixture
def unique():
    return f"line-{time.time_ns()}"


@pytest.fixture
def restarted(host):
    """Wait until the service's main process differs from the given one, and return the new PID."""

    def wait(before):
        show = "systemctl show amazon-cloudwatch-agent --property MainPID --value"
        for _ in range(60):
            if (now := host.check_output(show)) not in ("0", before):
                return now
            time.sleep(0.5)
        raise AssertionError(host.run("journalctl --unit amazon-cloudwatch-agent --no-pager").stdout)

    return wait
