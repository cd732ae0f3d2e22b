"""The local cloud's own paths, ordered faults, reset, and who is answered."""

import json
import time
import urllib.error
import urllib.request

import pytest
from cryptography import x509

from local_cloud.faults import action_of
from local_cloud.server import Application
from local_cloud.settings import DELAYED


def request(url, path, method="GET", document=None):
    """The status and the body of an answer."""
    data = None if document is None else json.dumps(document).encode()
    call = urllib.request.Request(url + path, data=data, method=method)
    try:
        with urllib.request.urlopen(call, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_health_tells_who_it_is(url):
    status, body = request(url, "/local-cloud/health")
    answer = json.loads(body)
    assert status == 200
    assert (answer["name"], answer["account"], answer["region"]) == ("unit", "123456789012", "ap-northeast-2")


def test_authority_is_a_certificate(url):
    _, body = request(url, "/local-cloud/database-ca.pem")
    certificate = x509.load_pem_x509_certificate(body)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.fixture
def shown(client):
    """The state that RDS shows of a database named shown."""
    rds = client("rds")
    database = {"DBInstanceClass": "db.t3.small", "Engine": "postgres", "AllocatedStorage": 20}
    rds.create_db_instance(
        DBInstanceIdentifier="shown", MasterUsername="owner", MasterUserPassword="0123456789", **database
    )
    yield lambda: rds.describe_db_instances(DBInstanceIdentifier="shown")["DBInstances"][0][
        "DBInstanceStatus"
    ]
    rds.delete_db_instance(DBInstanceIdentifier="shown", SkipFinalSnapshot=True)


def test_delays_are_set_and_checked(url, cloud):
    assert request(url, "/local-cloud/delays", "PUT", {"database": 2})[0] == 200
    assert cloud.delays == DELAYED | {"database": 2.0}
    status, body = request(url, "/local-cloud/delays", "PUT", {"disk": 2})
    assert status == 400
    assert b"disk" in body
    request(url, "/local-cloud/delays", "PUT", {"database": 0})


@pytest.mark.parametrize(
    ("states", "problem"),
    [
        ({"nothing": "modifying"}, b"no database nothing"),
        ({"shown": "asleep"}, b"asleep is not an available state"),
    ],
)
def test_a_state_that_cannot_be_ordered_is_refused(url, shown, states, problem):
    status, body = request(url, "/local-cloud/states", "PUT", states)
    assert status == 400
    assert problem in body


def test_a_state_is_shown_on_request(url, shown):
    assert request(url, "/local-cloud/states", "PUT", {"shown": "backing-up"})[0] == 200
    assert shown() == "backing-up"


def test_unknown_path_is_not_found(url):
    assert request(url, "/local-cloud/nothing")[0] == 404


@pytest.mark.parametrize(
    ("service", "action", "arguments"),
    [
        ("ec2", "DescribeVpcs", {}),
        ("rds", "DescribeDBInstances", {}),
        ("iam", "ListRoles", {}),
        ("secretsmanager", "ListSecrets", {}),
        ("s3", "ListBuckets", {}),
        ("s3", "GetBucketPolicy", {"Bucket": "a-bucket"}),
        ("s3", "PutObject", {"Bucket": "a-bucket", "Key": "a/key", "Body": b""}),
    ],
)
def test_ordered_fault_happens_as_often_as_ordered(url, client, refused, service, action, arguments):
    from botocore import xform_name

    fault = {"action": action, "code": "AccessDenied", "message": "not today", "times": 1, "status": 403}
    assert request(url, "/local-cloud/faults", "POST", fault)[0] == 200
    call = getattr(client(service), xform_name(action))
    assert refused(call, **arguments) == "AccessDenied: not today"
    if not arguments:
        call()


def test_faults_can_be_forgotten(url, ec2):
    request(url, "/local-cloud/faults", "POST", {"action": "DescribeVpcs", "code": "Throttling", "times": 9})
    request(url, "/local-cloud/faults", "DELETE")
    ec2.describe_vpcs()


def test_bad_fault_is_refused(url):
    status, body = request(url, "/local-cloud/faults", "POST", {"code": "AccessDenied"})
    assert status == 400
    assert b"action" in body


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"action": "X"}, b"a kind, a code or seconds"),
        ({"action": "X", "kind": "tired"}, b"no kind tired"),
        ({"action": "X", "kind": "expired", "every": 0}, b"every is at least 1"),
    ],
)
def test_fault_without_sense_is_refused(url, fault, problem):
    status, body = request(url, "/local-cloud/faults", "POST", fault)
    assert status == 400
    assert problem in body


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_vpcs", "RequestLimitExceeded"),
        ("s3", "list_buckets", "SlowDown"),
        ("rds", "describe_db_instances", "Throttling"),
        ("secretsmanager", "list_secrets", "ThrottlingException"),
    ],
)
def test_a_kind_of_fault_knows_the_words_of_a_service(url, client, refused, monkeypatch, service, call, code):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    request(url, "/local-cloud/faults", "POST", {"action": f"{service}:*", "kind": "throttling", "times": 0})
    answer = refused(getattr(client(service), call))
    request(url, "/local-cloud/faults", "DELETE")
    assert answer.startswith(f"{code}: ")


def test_a_fault_waits_for_its_calls(url, ec2, refused):
    wanted = {"action": "ec2:Describe*", "code": "ExpiredToken", "after": 1, "every": 2, "times": 2}
    request(url, "/local-cloud/faults", "POST", {**wanted, "access_key": "unit"})
    met = []
    for number in range(6):
        try:
            ec2.describe_vpcs()
        except ec2.exceptions.ClientError:
            met.append(number)
    (shown,) = json.loads(request(url, "/local-cloud/faults")[1])["faults"]
    request(url, "/local-cloud/faults", "DELETE")
    assert met == [2, 4]
    assert shown["met"] == 2


def test_a_fault_of_another_key_is_not_met(url, ec2):
    request(url, "/local-cloud/faults", "POST", {"action": "*", "kind": "internal", "access_key": "local"})
    ec2.describe_vpcs()
    request(url, "/local-cloud/faults", "DELETE")


def test_a_slow_call_is_answered(url, ec2):
    request(url, "/local-cloud/faults", "POST", {"action": "DescribeVpcs", "seconds": 0.3})
    began = time.monotonic()
    ec2.describe_vpcs()
    assert time.monotonic() - began >= 0.3
    request(url, "/local-cloud/faults", "DELETE")


@pytest.fixture
def lag(url):
    """Order seconds of lag; it ends with the test."""
    yield lambda **seconds: request(url, "/local-cloud/consistency", "PUT", seconds)
    request(url, "/local-cloud/consistency", "PUT", {})


def test_what_ec2_made_is_not_seen_at_once(lag, ec2, refused, cloud):
    assert lag(ec2=100)[0] == 200
    vpc = ec2.create_vpc(CidrBlock="10.96.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.96.1.0/24")["Subnet"]["SubnetId"]
    assert refused(ec2.describe_vpcs, VpcIds=[vpc]) == f"InvalidVpcID.NotFound: The ID '{vpc}' does not exist"
    assert vpc not in {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]}
    assert subnet not in {one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]}
    cloud.lag.seconds["ec2"] = 0.0
    assert vpc in {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]}
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_what_iam_made_is_not_seen_at_once(lag, client, ec2, refused, cloud):
    iam = client("iam")
    lag(iam=100)
    iam.create_instance_profile(InstanceProfileName="late")
    assert refused(iam.get_instance_profile, InstanceProfileName="late").startswith("NoSuchEntity")
    asked = {"InstanceId": "i-0123456789abcdef0", "IamInstanceProfile": {"Name": "late"}}
    assert "Invalid IAM Instance Profile name" in refused(ec2.associate_iam_instance_profile, **asked)
    cloud.lag.seconds["iam"] = 0.0
    iam.get_instance_profile(InstanceProfileName="late")
    iam.delete_instance_profile(InstanceProfileName="late")


def test_the_list_of_tags_lags(lag, client, cloud):
    def listed():
        found = client("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]
        return [one["ResourceARN"] for one in found if one["ResourceARN"].endswith(":late")]

    lag(tags=100)
    sns = client("sns")
    topic = sns.create_topic(Name="late", Tags=[{"Key": "a", "Value": "b"}])["TopicArn"]
    assert listed() == []
    cloud.lag.seconds["tags"] = 0.0
    assert listed() == [topic]
    sns.delete_topic(TopicArn=topic)


def test_a_lag_that_cannot_be_ordered_is_refused(lag):
    status, body = lag(s3=1)
    assert status == 400
    assert b"no lag of s3" in body


def test_capacity_and_maintenance_are_ordered(url):
    status, body = request(url, "/local-cloud/capacity", "PUT", {"refused": ["t3.large"]})
    assert (status, json.loads(body)) == (200, {"refused": ["t3.large"]})
    request(url, "/local-cloud/capacity", "PUT", {"refused": []})
    assert request(url, "/local-cloud/capacity", "PUT", {"lacking": []})[0] == 400
    assert request(url, "/local-cloud/maintenance", "PUT", {"nothing": {}})[0] == 400


def test_other_requests_pass_while_a_fault_waits(url, ec2):
    request(url, "/local-cloud/faults", "POST", {"action": "RunInstances", "code": "X"})
    ec2.describe_vpcs()
    request(url, "/local-cloud/faults", "DELETE")


def test_s3_actions_are_told_apart():
    environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": "/bucket", "QUERY_STRING": "policy"}
    assert action_of(environ, b"") == "PutBucketPolicy"
    assert action_of({**environ, "QUERY_STRING": ""}, b"") == "CreateBucket"
    assert action_of({**environ, "PATH_INFO": "/bucket/key", "QUERY_STRING": ""}, b"") == "PutObject"
    assert (
        action_of({**environ, "PATH_INFO": "/", "QUERY_STRING": "", "REQUEST_METHOD": "GET"}, b"")
        == "ListBuckets"
    )


def test_strangers_are_refused(cloud):
    answers = []
    environ = {"REMOTE_ADDR": "192.0.2.77", "REQUEST_METHOD": "GET", "PATH_INFO": "/local-cloud/health"}
    Application(cloud, lambda _address: None)(environ, lambda status, headers: answers.append(status))
    assert answers == ["403 Forbidden"]


def test_reset_empties_the_account_and_the_backings(url, cloud, ec2):
    forgotten = []
    cloud.on_reset.append(lambda: forgotten.append(True))
    vpc = ec2.create_vpc(CidrBlock="10.97.0.0/16")["Vpc"]["VpcId"]
    assert request(url, "/moto-api/reset", "POST")[0] == 200
    cloud.on_reset.pop()
    assert forgotten == [True]
    assert vpc not in {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]}
    assert not cloud.closing.is_set()
