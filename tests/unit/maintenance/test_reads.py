"""The reads of the maintenance: of the account, of its logs, and of a real PostgreSQL."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import boto3
import psycopg2
import pytest
from ansible_collections.table_order.infra.plugins.modules import account_maintenance_info as account
from ansible_collections.table_order.infra.plugins.modules import cloudwatch_log_events_info as logs
from ansible_collections.table_order.infra.plugins.modules import db_migrate_performance_info as database
from botocore.stub import Stubber

from tests.unit.roles.postgres import cluster, run_sql

AT, SHOWN = datetime(2026, 11, 28, tzinfo=UTC), "2026-11-28T00:00:00+00:00"
OPTIONS = {"name": "table-order", "tags": {"Project": "table-order", "Environment": "production"}}
TAGGED = {
    "Filters": [
        {"Name": "tag:Project", "Values": ["table-order"]},
        {"Name": "tag:Environment", "Values": ["production"]},
    ]
}


def made(service):
    return boto3.client(
        service, region_name="ap-northeast-2", aws_access_key_id="unit", aws_secret_access_key="unit"
    )


@pytest.fixture
def looks(monkeypatch):
    """A function that looks at an account whose caller has an ARN."""
    monkeypatch.setattr(account, "WORKERS", 1)  # a stubber has its answers in an order

    def run(arn, **denied):
        answers = {
            "sts": [("get_caller_identity", {"Arn": arn}, {})],
            "ec2": [
                ("describe_addresses", {"Addresses": [{"AllocationId": "e", "PublicIp": "a"}]}, TAGGED),
                (
                    "describe_volumes",
                    {"Volumes": [{"VolumeId": "v", "Size": 8, "VolumeType": "gp3"}]},
                    TAGGED,
                ),
                ("describe_network_interfaces", {"NetworkInterfaces": []}, TAGGED),
                (
                    "describe_snapshots",
                    {"Snapshots": [{"SnapshotId": "s", "StartTime": AT}]},
                    {"OwnerIds": ["self"], **TAGGED},
                ),
                (
                    "describe_images",
                    {
                        "Images": [
                            {
                                "ImageId": "i",
                                "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "s"}}, {"VirtualName": "x"}],
                            }
                        ]
                    },
                    {"Owners": ["self"], **TAGGED},
                ),
            ],
            "secretsmanager": [
                ("list_secrets", {"SecretList": [{"Name": "table-order/a", "CreatedDate": AT}]}, None)
            ],
            "ssm": [
                (
                    "get_parameters_by_path",
                    {
                        "Parameters": [
                            {"Name": "/table-order/done/scale", "Value": '{"rto": 1}', "LastModifiedDate": AT}
                        ]
                    },
                    {"Path": "/table-order/done"},
                )
            ],
            "iam": [
                (
                    "list_access_keys",
                    {"AccessKeyMetadata": [{"AccessKeyId": "A" * 16, "CreateDate": AT, "Status": "Active"}]},
                    {"UserName": "kim", "MaxItems": 1000},
                )
            ],
        }
        clients = {}
        for service, those in answers.items():
            clients[service] = made(service)
            stub = Stubber(clients[service])
            for method, answer, wanted in those:
                if method in denied:
                    stub.add_client_error(method, denied[method])
                else:
                    stub.add_response(method, answer, wanted)
            stub.activate()
        return account.looks(clients.__getitem__, OPTIONS)

    return run


def test_it_reads_the_ages_and_what_may_be_unused(looks):
    seen = looks("arn:aws:iam::123456789012:user/staff/kim")
    assert [one["error"] for one in seen.values() if "error" in one] == []
    found = {name: one["found"] for name, one in seen.items()}
    assert found["addresses"] == [{"id": "e", "address": "a", "used": None}]
    assert found["snapshots"][0]["made"] == SHOWN
    assert found["images"][0]["snapshots"] == ["s"]
    assert found["secrets"] == [{"name": "table-order/a", "changed": SHOWN}]
    assert found["done"] == [{"name": "/table-order/done/scale", "content": {"rto": 1}, "modified": SHOWN}]
    assert found["keys"] == [{"id": "A" * 16, "made": SHOWN, "state": "Active"}]


def test_a_role_has_no_keys_and_a_denied_read_leaves_the_others(looks):
    found = looks("arn:aws:sts::123456789012:assumed-role/operator/kim", list_secrets="AccessDeniedException")
    assert found["keys"] == {"found": []}
    assert "AWS denied secretsmanager:ListSecrets" in found["secrets"]["error"]
    assert found["volumes"]["found"][0]["gib"] == 8


def test_the_log_is_read_up_to_a_number_and_a_missing_group_is_named():
    client = made("logs")
    events = [{"timestamp": time, "message": str(time)} for time in (2, 1)]
    with Stubber(client) as stub:
        client_events = client.filter_log_events
        client.filter_log_events = lambda aws_retry, **request: client_events(**request)
        stub.add_response("filter_log_events", {"events": events, "nextToken": "more"})
        assert logs.read(client, "a", AT, "", 2) == {
            "messages": ["1", "2"],
            "exists": True,
            "complete": False,
        }
        stub.add_response("filter_log_events", {"events": events})
        assert logs.read(client, "a", AT, "") == {"messages": ["1", "2"], "exists": True, "complete": True}
        stub.add_client_error("filter_log_events", "ResourceNotFoundException")
        assert logs.read(client, "a", AT, "")["exists"] is False


def test_the_statistics_of_a_database_are_read_and_nothing_secret(monkeypatch):
    with cluster("shared_preload_libraries=pg_stat_statements") as directory:

        def read():
            with closing(psycopg2.connect(host=str(directory), dbname="postgres", user="rdsadmin")) as one:
                return database.statistics(one, 10)

        table = (
            "CREATE TABLE t (id int PRIMARY KEY, a int)",
            "CREATE INDEX unused ON t (a)",
            "INSERT INTO t VALUES (1, 1)",
        )
        run_sql(directory, "postgres", "rdsadmin", *table)
        assert read()["statements"] is None
        run_sql(
            directory,
            "postgres",
            "rdsadmin",
            "CREATE SCHEMA more",
            "CREATE EXTENSION pg_stat_statements SCHEMA more",
        )
        run_sql(
            directory,
            "postgres",
            "rdsadmin",
            "SELECT a FROM t WHERE id = 42",
            "ALTER ROLE master PASSWORD 'hidden'",
        )
        found = read()
        said = [one["statement"] for one in found["statements"]]
        assert "SELECT a FROM t WHERE id = $1" in said
        assert not any("hidden" in one or "42" in one for one in said)
        assert [one["name"] for one in found["unused_indexes"]] == ["public.unused"]
        assert found["tables"][0].keys() == {"name", "rows", "dead", "scans", "index_scans"}
        assert found["database"]["hits"] > 0
        monkeypatch.setitem(database.STATISTICS, "tables", "DELETE FROM public.t RETURNING id")
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            read()
