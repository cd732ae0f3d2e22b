"""The reads of the account: what each keeps of AWS's answer, and that one that fails leaves the others alone."""

from __future__ import annotations

import functools
import json
import re
from datetime import UTC, datetime, timedelta, timezone

import boto3
import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.table_order.infra.plugins.module_utils.account_reader import Session, action_of
from ansible_collections.table_order.infra.plugins.modules import account_status_info as module
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError
from botocore.parsers import ResponseParserError

OPTIONS = {
    "name": "table-order",
    "environment": "production",
    "database": "table-order-db",
    "cache": "table-order-redis",
    "topic": "table-order-alarms",
    "host_name": "shop.example.org",
}
CREDENTIALS = {"access_key": "unit", "secret_key": "unit", "region": "ap-northeast-2"}
TIME = datetime(2026, 11, 28, 9, tzinfo=timezone(timedelta(hours=9)))
SHOWN = "2026-11-28T00:00:00+00:00"
# What AWS answers, as botocore has parsed it; what is of no interest is left out.
ANSWERS = {
    "GetCallerIdentity": {"Account": "123456789012"},
    "DescribeInstances": {
        "Reservations": [
            {
                "Instances": [
                    {
                        "InstanceId": "i-1",
                        "State": {"Name": "running"},
                        "InstanceType": "t3.medium",
                        "LaunchTime": TIME,
                    }
                ]
            }
        ]
    },
    "DescribeInstanceStatus": {
        "InstanceStatuses": [
            {
                "InstanceId": "i-1",
                "SystemStatus": {"Status": "ok"},
                "InstanceStatus": {"Status": "impaired"},
                "Events": [{"Code": "system-reboot", "Description": "maintenance", "NotBefore": TIME}],
            }
        ]
    },
    "DescribeDBInstances": {
        "DBInstances": [
            {
                "DBInstanceIdentifier": name,
                "DBInstanceStatus": "available",
                "CACertificateIdentifier": "rds-ca",
                "EngineVersion": "15.18",
            }
            for name in (
                "table-order-db",
                "table-order-db-check-1",
                "table-order-staging-db",
                "other-table-order-db",
            )
        ]
    },
    "DescribeCertificates": {"Certificates": [{"CertificateIdentifier": "rds-ca", "ValidTill": TIME}]},
    "DescribeDBSnapshots": {
        "DBSnapshots": [
            {
                "DBSnapshotIdentifier": "a",
                "SnapshotType": "automated",
                "Status": "available",
                "SnapshotCreateTime": TIME,
            }
        ]
    },
    "DescribeDBInstanceAutomatedBackups": {
        "DBInstanceAutomatedBackups": [
            {"Status": "active", "RestoreWindow": {"EarliestTime": TIME, "LatestTime": TIME}}
        ]
    },
    "DescribePendingMaintenanceActions": {
        "PendingMaintenanceActions": [
            {
                "PendingMaintenanceActionDetails": [
                    {"Action": "system-update", "Description": "a", "ForcedApplyDate": TIME}
                ]
            }
        ]
    },
    "DescribeReplicationGroups": {
        "ReplicationGroups": [
            {"ReplicationGroupId": name, "Status": "available", "CacheNodeType": "cache.t3.micro"}
            for name in ("table-order-redis", "other")
        ]
    },
    "DescribeCacheClusters": {
        "CacheClusters": [
            {
                "CacheClusterId": f"{name}-001",
                "ReplicationGroupId": name,
                "CacheClusterStatus": "available",
                "EngineVersion": "7.1.0",
            }
            for name in ("table-order-redis", "other")
        ]
    },
    "DescribeAlarms": {
        "MetricAlarms": [
            {
                "AlarmName": "a",
                "StateValue": "OK",
                "ActionsEnabled": True,
                "AlarmActions": ["arn:aws:sns:r:1:table-order-alarms"],
            },
            {
                "AlarmName": "b",
                "StateValue": "ALARM",
                "ActionsEnabled": True,
                "AlarmActions": ["arn:aws:sns:r:1:staging-table-order-alarms"],
            },
            {"AlarmName": "c", "StateValue": "ALARM", "ActionsEnabled": True, "AlarmActions": []},
            {"AlarmName": "d", "StateValue": "ALARM", "ActionsEnabled": True},
        ]
    },
    "GetParametersByPath": {
        "Parameters": [
            {"Name": "/table-order/lock/provision/7", "Value": '{"state": "free"}', "LastModifiedDate": TIME}
        ]
    },
    "ListCertificates": {
        "CertificateSummaryList": [
            {
                "CertificateArn": name,
                "DomainName": name,
                "SubjectAlternativeNameSummaries": others,
                "NotAfter": TIME,
                "Status": "ISSUED",
            }
            for name, others in (
                ("shop.example.org", None),
                ("a.example.org", ["a.example.org", "*.example.org"]),
                ("*.example.net", None),
                ("other.example.org", None),
            )
        ]
    },
}


class Answer:
    """What botocore reads of an HTTP answer."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


class Cloud:
    """Clients that give ANSWERS; ``broken`` has other answers by operation: an error's code, an exception, or a dictionary."""

    def __init__(self, **broken):
        self.broken, self.asked = broken, {}

    def __call__(self, service):
        made = client(service)
        made.cloud.append(self)
        return made

    def respond(self, model, params, **_):
        self.asked.setdefault(model.name, []).append(params)
        answer = self.broken.get(model.name, ANSWERS.get(model.name))
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            return Answer(400), {
                "Error": {"Code": answer, "Message": f"{answer} it is"},
                "ResponseMetadata": {},
            }
        return Answer(200), {
            "ResponseMetadata": {},
            **json.loads(json.dumps(answer, default=_keep), object_hook=_time),
        }

    def looks(self, **options):
        return module.looks(self, OPTIONS | options)


def _keep(value):
    return {"__time": value.isoformat()}


def _time(value):
    return datetime.fromisoformat(value["__time"]) if "__time" in value else value


@functools.cache
def client(service):
    """Return a client of a service that asks the latest Cloud."""
    made = boto3.client(
        service,
        region_name="ap-northeast-2",
        aws_access_key_id="unit",
        aws_secret_access_key="unit",
        config=Config(retries={"total_max_attempts": 1}),
    )
    made.cloud = []
    made.meta.events.register("before-call", lambda **values: made.cloud[-1].respond(**values))
    return made


CALLS = {**module.calls(OPTIONS), "server_checks": module.checks_of([{"id": "i-1"}])}
OPERATIONS = {
    name: client(call.service).meta.method_to_api_mapping[call.method] for name, call in CALLS.items()
}


def test_it_keeps_what_a_person_on_call_wants_to_know():
    found = {name: one["found"] for name, one in Cloud().looks().items()}
    assert set(found) == set(CALLS)
    assert found["account"] == "123456789012"
    assert found["servers"][0] | {"why": 1} == {
        "id": "i-1",
        "state": "running",
        "why": 1,
        "type": "t3.medium",
        "launched": SHOWN,
        "address": None,
    }
    assert found["server_checks"] == [
        {
            "id": "i-1",
            "system": "ok",
            "instance": "impaired",
            "events": [{"code": "system-reboot", "what": "maintenance", "after": SHOWN}],
        }
    ]
    assert [one["id"] for one in found["databases"]] == ["table-order-db", "table-order-db-check-1"]
    assert found["databases"][0]["authority"] == "rds-ca"
    assert found["snapshots"] == [{"id": "a", "kind": "automated", "state": "available", "made": SHOWN}]
    assert found["backups"] == [{"state": "active", "first": SHOWN, "last": SHOWN}]
    assert found["maintenance"] == [
        {"action": "system-update", "what": "a", "after": None, "forced": SHOWN, "at": None}
    ]
    assert [one["id"] for one in found["caches"]] == ["table-order-redis"]
    assert [one["id"] for one in found["cache_nodes"]] == ["table-order-redis-001"]
    assert [one["name"] for one in found["alarms"]] == ["a"]
    assert found["lock"] == [
        {"name": "/table-order/lock/provision/7", "content": {"state": "free"}, "modified": SHOWN}
    ]
    assert [one["name"] for one in found["certificates"]] == ["shop.example.org", "a.example.org"]


def test_the_values_of_procedures_are_not_kept():
    assert Cloud().looks()["procedures"]["found"] == [
        {"name": "/table-order/lock/provision/7", "modified": SHOWN}
    ]


def test_it_asks_for_what_is_the_service_s():
    cloud = Cloud()
    cloud.looks()
    tags = json.dumps(cloud.asked["DescribeInstances"][0]["body"])
    assert all(value in tags for value in ("tag:Environment", "production", "tag:Role", "app-server"))
    assert len(cloud.asked["ListCertificates"]) == 1
    assert "certificates" not in cloud.looks(host_name="")
    assert len(cloud.asked["ListCertificates"]) == 1


FAILURES = {
    "AccessDenied": r"AWS denied {action}\. Render and attach the policies again",
    "ExpiredToken": r"{action}: the credentials have expired \(ExpiredToken\)\. Log in again",
    "Throttling": r"{action}: AWS refused it as one of too many requests",
    "InternalFailure": r"{action}: An error occurred \(InternalFailure\)",
    "timeout": r"{action}: AWS cannot be reached: Connect timeout",
    "proxy": r"{action}: the answer is not one of AWS, perhaps a proxy's",
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("operation", sorted(set(OPERATIONS.values())))
def test_a_read_that_fails_says_why_and_leaves_the_others_alone(operation, failure):
    raised = {
        "timeout": ConnectTimeoutError(endpoint_url="https://aws"),
        "proxy": ResponseParserError("<html>"),
    }
    answer = raised.get(failure, failure)
    found = Cloud(**{operation: answer}).looks()
    lost = {name for name in CALLS if OPERATIONS[name] == operation}
    lost |= {"server_checks"} if operation == "DescribeInstances" else set()
    assert {name for name, one in found.items() if "error" in one} == lost
    action = action_of(CALLS[min(lost - {"server_checks"} or lost)].service, operation)
    assert all(re.match(FAILURES[failure].format(action=action), found[name]["error"]) for name in lost)


def test_an_empty_account_is_empty_and_no_error():
    empty = {
        name: {key: [] for key in answer} for name, answer in ANSWERS.items() if name != "GetCallerIdentity"
    }
    cloud = Cloud(**empty)
    found = cloud.looks()
    assert {name for name, one in found.items() if one != {"found": []}} == {"account"}
    assert "DescribeInstanceStatus" not in cloud.asked


def members(shape, seen=()):
    """Return the names of all members of a shape."""
    if shape.type_name == "list":
        return members(shape.member, seen)
    if shape.type_name != "structure" or shape.name in seen:
        return set()
    return set(shape.members).union(*(members(one, (*seen, shape.name)) for one in shape.members.values()))


@pytest.mark.parametrize("name", CALLS)
def test_each_name_in_a_key_is_one_of_aws_s(name):
    """A misspelled name would be read as empty, for ever."""
    shape = client(CALLS[name].service).meta.service_model.operation_model(OPERATIONS[name]).output_shape
    named = set(re.findall(r"\b[A-Z]\w+", re.sub(r"'[^']*'", "", CALLS[name].key)))
    assert named
    assert named <= members(shape)


@pytest.fixture
def run(capsys):
    """Return a function that runs the module and returns its result."""

    def run_module(**options):
        with patch_module_args({**OPTIONS, **CREDENTIALS, **options}), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run_module


def test_it_returns_what_its_document_says(run, monkeypatch):
    cloud = Cloud()
    monkeypatch.setattr(Session, "client", lambda _session, service: cloud(service))
    result = run()
    documented = yaml.safe_load(module.RETURN)
    assert documented.keys() == result.keys() - {"changed", "invocation"}
    assert result["changed"] is False
    assert result["region"] == "ap-northeast-2"
    assert datetime.fromisoformat(result["at"]).tzinfo == UTC
    named = set(re.findall(r"C\((\w+)\)", documented["looks"]["description"][0]))
    assert named == set(result["looks"])


def test_an_endpoint_that_does_not_answer_is_told_for_each_read(run):
    result = run(endpoint_url="http://127.0.0.1:9")
    assert "failed" not in result
    assert {
        "AWS cannot be reached: Could not connect" in one["error"] for one in result["looks"].values()
    } == {True}


def test_its_document_names_every_action_that_it_needs():
    (note,) = yaml.safe_load(module.DOCUMENTATION)["notes"]
    needed = {action_of(call.service, OPERATIONS[name]) for name, call in CALLS.items()}
    assert set(re.findall(r"C\(([\w:]+)\)", note)) == needed
