"""A run is held after a writing call of the operator, and nothing that writes is carried out meanwhile."""

import json
import threading
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud.calls import OPERATOR_KEY


@pytest.fixture
def order(url):
    def put(*calls):
        body = json.dumps(calls).encode()
        request = urllib.request.Request(f"{url}/local-cloud/stops", data=body, method="PUT")
        return json.loads(urllib.request.urlopen(request, timeout=10).read())

    yield put
    put()


@pytest.fixture
def stops(url):
    return lambda: json.loads(urllib.request.urlopen(f"{url}/local-cloud/stops", timeout=10).read())


@pytest.fixture
def operator(url):
    """SNS, as the operator's run asks it; each topic that it makes is one writing call."""
    client = boto3.client(
        "sns",
        endpoint_url=url,
        region_name="ap-northeast-2",
        aws_access_key_id=OPERATOR_KEY,
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    for topic in topics(client):
        client.delete_topic(TopicArn=topic)


def topics(client):
    return [topic["TopicArn"] for topic in client.list_topics()["Topics"]]


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Lane(threading.Thread):
    """Makes a topic; ``error`` is what came of it."""

    def __init__(self, client, name):
        super().__init__(daemon=True)
        self.client, self.topic, self.error = client, name, None
        self.start()

    def run(self):
        try:
            self.client.create_topic(Name=self.topic)
        except ClientError as error:
            self.error = error


def test_only_what_the_operator_changes_is_counted(order, stops, operator, client):
    order()
    operator.create_topic(Name="one")
    operator.list_topics()
    client("sns").create_topic(Name="of-a-server")
    with pytest.raises(ClientError):
        operator.set_topic_attributes(
            TopicArn="arn:aws:sns:ap-northeast-2:123456789012:none", AttributeName="Policy"
        )
    operator.create_topic(Name="two")
    assert stops() == {"made": ["sns:CreateTopic 1", "sns:CreateTopic 2"], "held": ""}


def test_the_call_is_carried_out_and_those_after_it_are_not(order, stops, operator):
    order("sns:CreateTopic 2")
    operator.create_topic(Name="one")
    held = Lane(operator, "two")
    until(lambda: stops()["held"])
    late = Lane(operator, "three")
    late.join(0.2)
    assert stops() == {"made": ["sns:CreateTopic 1", "sns:CreateTopic 2"], "held": "sns:CreateTopic 2"}
    assert held.is_alive()
    assert late.is_alive()
    # Reads go on.
    assert [arn.rpartition(":")[2] for arn in topics(operator)] == ["one", "two"]
    order()
    for lane in (held, late):
        lane.join(20)
    assert held.error is None
    assert "503" in str(late.error)
    assert [arn.rpartition(":")[2] for arn in topics(operator)] == ["one", "two"]


def test_what_is_no_list_of_calls_is_refused(url):
    request = urllib.request.Request(f"{url}/local-cloud/stops", data=b'{"sns": 1}', method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=10)
