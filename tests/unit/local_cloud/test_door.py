"""Nobody but this host's programs and the servers is answered, and a server has what its role has."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
from botocore.model import OperationNotFoundError

from local_cloud.network import VpcNetwork
from local_cloud.server import Application

ROOT = Path(__file__).parents[3]
SERVER, GATEWAY = "10.98.1.9", "10.98.0.1"
LOCAL = "127.0.0.1"
TARGET = "secretsmanager.GetSecretValue"


@pytest.fixture
def application(cloud, monkeypatch):
    network = VpcNetwork("x", ipaddress.IPv4Network("10.98.0.0/16"), GATEWAY, "br-x")
    monkeypatch.setitem(cloud.network.vpcs, "vpc-door", network)
    return Application(cloud, lambda _address: None)


@pytest.fixture
def send(application):
    """Send a request as a client's address; returns (status, body)."""

    def call(client=LOCAL, method="GET", path="/local-cloud/health", query="", body=b"", **headers):
        environ = {
            "REMOTE_ADDR": client,
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            "wsgi.errors": io.StringIO(),
            "SERVER_NAME": LOCAL,
            "SERVER_PORT": "5000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": f"{LOCAL}:5000" if client == LOCAL else f"{GATEWAY}:5000",
            **headers,
        }
        answered = []
        answer = b"".join(application(environ, lambda status, _, *more: answered.append(status)))
        return int(answered[0].split()[0]), answer.decode()

    return call


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": "http://127.0.0.1:5000"},
        {"HTTP_SEC_FETCH_MODE": "no-cors"},
        {"HTTP_SEC_FETCH_SITE": "same-origin"},
        {"HTTP_HOST": "evil.example:5000"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "127.0.0.1.evil.example:5000"},
        {"HTTP_HOST": "localhost.evil.example"},
        {"HTTP_HOST": "amazonaws.com.evil.example"},
        {"HTTP_HOST": "notamazonaws.com"},
        {"HTTP_HOST": "10.98.0.2:5000"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/local-cloud/health", "/", "/moto-api/reset", "/latest/meta-data/"])
def test_a_web_page_is_refused_everywhere(send, path, headers):
    assert send(path=path, **headers)[0] == 403
    assert send(path=path, method="OPTIONS", **headers)[0] == 403


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:5000",
        "127.0.0.1",
        "localhost:5000",
        "[::1]:5000",
        "10.98.0.1:5000",
        "LOCALHOST",
        "127.0.10.3",
    ],
)
def test_own_names_are_answered(send, host):
    assert send(HTTP_HOST=host)[0] == 200


@pytest.mark.parametrize("host", ["s3.ap-northeast-2.amazonaws.com", "sts.amazonaws.com:443"])
def test_names_of_aws_are_answered_to_this_host(send, host):
    assert send(HTTP_HOST=host)[0] == 200
    assert send(SERVER, HTTP_HOST=host)[0] == 403


# A separate process, since moto reads its environment once.
ASK = """
import os, pathlib
from local_cloud.__main__ import moto_environment
from local_cloud.settings import load
os.environ.update(moto_environment(load(pathlib.Path("tests/inventory/00-cloud.yml"))))
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import Client
client = Client(DomainDispatcherApplication(create_backend_app))
for method in ("GET", "OPTIONS"):
    answer = client.open("/", method=method, headers={"Origin": "https://evil.example", "Host": "s3.amazonaws.com"})
    print(answer.status_code, *[name for name, _ in answer.headers if name.startswith("Access-Control")])
"""


def test_no_answer_of_moto_lets_a_page_read_it():
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[0] == "200"
    assert "Access-Control" not in done.stdout


@pytest.fixture
def secrets(client, cloud, application, monkeypatch):
    """Two secrets, and a server whose role may read the one below app/."""
    manager, iam = client("secretsmanager"), client("iam")
    for name in ("door/rds/master", "door/app/database"):
        manager.create_secret(Name=name, SecretString=name)
    iam.create_role(RoleName="door", AssumeRolePolicyDocument="{}")
    statement = {
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": f"arn:aws:secretsmanager:ap-northeast-2:{cloud.settings.account}:secret:door/app/*",
    }
    tags = {"Effect": "Allow", "Action": ["ec2:DescribeTags"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement, tags]})
    iam.put_role_policy(RoleName="door", PolicyName="read", PolicyDocument=document)
    profile = iam.create_instance_profile(InstanceProfileName="door")["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName="door", RoleName="door")
    instance = types.SimpleNamespace(iam_instance_profile={"Arn": profile["Arn"]})
    monkeypatch.setattr(application.door, "server_at", {SERVER: instance}.get)
    yield
    for name in ("door/rds/master", "door/app/database"):
        manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    iam.remove_role_from_instance_profile(InstanceProfileName="door", RoleName="door")
    iam.delete_instance_profile(InstanceProfileName="door")
    iam.delete_role_policy(RoleName="door", PolicyName="read")
    iam.delete_role(RoleName="door")


def signed(service, target=None, key="AKIA"):
    scope = f"Credential={key}/20261127/ap-northeast-2/{service}/aws4_request"
    headers = {"HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}
    if target:
        return headers | {"HTTP_X_AMZ_TARGET": target, "CONTENT_TYPE": "application/x-amz-json-1.1"}
    return headers | {"CONTENT_TYPE": "application/x-www-form-urlencoded"}


def get(send, client, name, service="secretsmanager", key="AKIA", target=TARGET, wanted="SecretId", **others):
    body = json.dumps({wanted: name}).encode()
    return send(client, "POST", "/", body=body, **signed(service, target, key), **others)


@pytest.mark.usefixtures("secrets")
class TestServer:
    """A request of a server, with any key."""

    @pytest.mark.parametrize("key", ["AKIA", "local"])
    def test_it_reads_what_its_role_may(self, send, key):
        assert get(send, LOCAL, "door/rds/master", key=key)[0] == 200
        assert get(send, SERVER, "door/app/database", key=key)[0] == 200
        status, body = get(send, SERVER, "door/rds/master", key=key)
        assert (status, "AccessDeniedException" in body) == (400, True)

    def test_it_finds_no_way_around(self, send, client):
        arn = client("secretsmanager").describe_secret(SecretId="door/rds/master")["ARN"]
        assert get(send, SERVER, arn)[0] == 400
        assert get(send, SERVER, arn.rpartition("-")[0])[0] == 400
        assert get(send, SERVER, "door/app/../rds/master")[0] == 404
        batch = {"target": "secretsmanager.BatchGetSecretValue", "wanted": "SecretIdList"}
        assert get(send, SERVER, ["door/rds/master"], **batch)[0] == 400
        for service in ("s3", "sts", "logs", "monitoring"):
            # moto's services fail on each other's actions, some by an exception.
            with contextlib.suppress(OperationNotFoundError, NotImplementedError):
                assert "SecretString" not in get(send, SERVER, "door/rds/master", service=service)[1]
        host = {"HTTP_HOST": "secretsmanager.ap-northeast-2.amazonaws.com"}
        assert get(send, SERVER, "door/rds/master", service="s3", **host)[0] == 403

    @pytest.mark.parametrize(
        ("service", "action"),
        [
            ("rds", "ModifyDBInstance"),
            ("rds", "DescribeDBInstances"),
            ("iam", "PutRolePolicy"),
            ("ec2", "RunInstances"),
        ],
    )
    def test_it_changes_nothing_of_the_account(self, send, service, action):
        body = f"Action={action}&Version=2014-10-31".encode()
        status, answer = send(SERVER, "POST", "/", body=body, **signed(service))
        assert (status, "AccessDenied" in answer) == (403, True)

    def test_it_asks_what_its_role_may_ask_of_others(self, send):
        body = b"Action=DescribeTags&Version=2016-11-15"
        assert send(SERVER, "POST", "/", body=body, **signed("ec2"))[0] == 200

    def test_a_policy_that_is_attached_to_its_role_counts_in_its_current_version(self, send, client):
        iam, body = client("iam"), b"Action=DescribeVpcs&Version=2016-11-15"

        def document(action):
            statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
            return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

        arn = iam.create_policy(PolicyName="door", PolicyDocument=document("s3:*"))["Policy"]["Arn"]
        iam.attach_role_policy(RoleName="door", PolicyArn=arn)
        try:
            assert send(SERVER, "POST", "/", body=body, **signed("ec2"))[0] == 403
            iam.create_policy_version(
                PolicyArn=arn, PolicyDocument=document("ec2:DescribeVpcs"), SetAsDefault=True
            )
            assert send(SERVER, "POST", "/", body=body, **signed("ec2"))[0] == 200
        finally:
            iam.detach_role_policy(RoleName="door", PolicyArn=arn)

    def test_who_is_no_server_with_a_role_reads_nothing(self, send):
        assert get(send, "10.98.1.10", "door/app/database")[0] == 400

    def test_an_unsigned_request_is_refused(self, send):
        body = json.dumps({"SecretId": "door/rds/master"}).encode()
        headers = {"HTTP_X_AMZ_TARGET": TARGET, "CONTENT_TYPE": "application/x-amz-json-1.1"}
        assert send(SERVER, "POST", "/", body=body, **headers)[0] == 400

    def test_a_presigned_image_is_read(self, send, client):
        client("s3").create_bucket(
            Bucket="door", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"}
        )
        client("s3").put_object(Bucket="door", Key="a", Body=b"image")
        query = "X-Amz-Credential=AKIA%2F20261127%2Fap-northeast-2%2Fs3%2Faws4_request&X-Amz-Signature=0"
        assert send(SERVER, path="/door/a", query=query) == (200, "image")
        assert send(SERVER, path="/door/a", **signed("s3")) == (200, "image")

    def test_it_reads_two_of_the_clouds_own_paths(self, send):
        assert send(SERVER)[0] == 200
        assert send(SERVER, path="/local-cloud/database-ca.pem")[0] == 200
        for method, path in (
            ("PUT", "/local-cloud/delays"),
            ("POST", "/local-cloud/faults"),
            ("POST", "/moto-api/reset"),
            ("GET", "/moto-api/data.json"),
        ):
            assert send(SERVER, method, path, body=b"{}")[0] == 403
