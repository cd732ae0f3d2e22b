"""Whether AWS offers a size for what exists, asked as its API has it."""

import boto3
import pytest
from ansible_collections.table_order.infra.plugins.modules import size_offers_info
from botocore.stub import Stubber

ZONE = "ap-northeast-2a"
SERVER = {"type": "t3.large", "zone": ZONE, "architecture": "x86_64"}
DATABASE = {
    "class": "db.t3.medium",
    "engine": "postgres",
    "version": "15.18",
    "storage_type": "gp3",
    "zone": ZONE,
}
CACHE = {"node_type": "cache.t3.small", "replication_group_id": "table-order-redis"}


class Client:
    """A client of botocore, which checks requests and answers against the API's model; without the retries of the modules'."""

    def __init__(self, service, *answers):
        """Answer in this order: operation and answer."""
        self.real = boto3.client(service, "ap-northeast-2", aws_access_key_id="x", aws_secret_access_key="x")
        self.stub = Stubber(self.real)
        for operation, answer in answers:
            self.stub.add_response(operation, answer)
        self.stub.activate()

    def __getattr__(self, name):
        method = getattr(self.real, name)
        return lambda *given, aws_retry=False, **options: method(*given, **options)


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("t3.huge", "t3.large, t3.small"),
        # No such family: others with its letters.
        ("t9.large", "t3.large, t3.small, t4g.large"),
        ("x1.large", ", ".join(f"m5.{size:02}xlarge" for size in range(20)) + ", ..."),
    ],
)
def test_the_nearest_offers_are_shown(wanted, shown):
    names = ["t4g.large", "t3.small", "t3.large", *(f"m5.{size:02}xlarge" for size in range(40))]
    assert size_offers_info.family(names, wanted) == shown


def offered(*types):
    found = [{"InstanceType": one, "LocationType": "availability-zone", "Location": ZONE} for one in types]
    return "describe_instance_type_offerings", {"InstanceTypeOfferings": found}


def architecture(name):
    found = [{"InstanceType": "t3.large", "ProcessorInfo": {"SupportedArchitectures": [name]}}]
    return "describe_instance_types", {"InstanceTypes": found}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([offered("t3.medium", "t3.large"), architecture("x86_64")], ""),
        (
            [offered("t3.medium", "t3.small", "m5.large")],
            "t3.large in ap-northeast-2a. Offered: t3.medium, t3.small.",
        ),
        ([offered("m5.large")], "Offered: m5.large."),
        ([offered("t3.large"), architecture("arm64")], "t3.large is arm64, and the server's image is x86_64"),
    ],
)
def test_a_server(answers, said):
    problems = list(size_offers_info.server_problems(Client("ec2", *answers), SERVER))
    assert len(problems) == (1 if said else 0)
    assert said in "".join(problems)


def orderable(*options):
    found = [{"StorageType": kind, "AvailabilityZones": [{"Name": zone}]} for kind, zone in options]
    return "describe_orderable_db_instance_options", {"OrderableDBInstanceOptions": found}


@pytest.mark.parametrize(
    ("options", "zone", "said"),
    [
        ([("gp2", ZONE), ("gp3", ZONE)], ZONE, ""),
        ([("gp3", "ap-northeast-2c")], "", ""),
        ([("gp3", "ap-northeast-2c")], ZONE, "in ap-northeast-2a, only in ap-northeast-2c."),
        (
            [("gp2", ZONE)],
            ZONE,
            "does not offer the class db.t3.medium for postgres 15.18 with gp3 storage in this region",
        ),
        ([], "", "in this region"),
    ],
)
def test_a_database(options, zone, said):
    client = Client("rds", orderable(*options))
    problems = list(size_offers_info.database_problems(client, DATABASE | {"zone": zone}))
    assert len(problems) == (1 if said else 0)
    assert said in "".join(problems)


@pytest.mark.parametrize(
    ("up", "down", "said"),
    [
        (["cache.t3.small"], [], ""),
        ([], ["cache.t3.small"], ""),
        (["cache.t3.medium", "cache.m6g.large"], [], "for table-order-redis. Offered: cache.t3.medium."),
        ([], [], "Offered: none."),
    ],
)
def test_a_cache(up, down, said):
    answer = {"ScaleUpModifications": up, "ScaleDownModifications": down}
    client = Client("elasticache", ("list_allowed_node_type_modifications", answer))
    problems = list(size_offers_info.cache_problems(client, CACHE))
    assert len(problems) == (1 if said else 0)
    assert said in "".join(problems)


def test_only_what_is_asked_for_is_looked_up(monkeypatch, run):
    asked = []
    for part in size_offers_info.ASKED:
        monkeypatch.setitem(
            size_offers_info.ASKED, part, (part, lambda client, wanted: [asked.append(wanted) or "no"])
        )
    assert run(size_offers_info, cache=CACHE) | {"invocation": None} == {
        "changed": False,
        "problems": ["no"],
        "invocation": None,
    }
    assert asked == [CACHE]
