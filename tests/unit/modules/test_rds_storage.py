"""The storage of a database is raised to a minimum, in the words that RDS takes at each size."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

SPEC = importlib.util.spec_from_file_location(
    "rds_storage", Path(__file__).parents[3] / "plugins/modules/rds_storage.py"
)
rds_storage = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rds_storage)

SMALL = {"DBInstanceStatus": "available", "AllocatedStorage": 20, "Iops": 3000, "StorageThroughput": 125}
STRIPED = {"DBInstanceStatus": "available", "AllocatedStorage": 500, "Iops": 16000, "StorageThroughput": 750}


@pytest.mark.parametrize(
    ("instance", "minimum", "asked"),
    [
        (SMALL, 20, {}),
        (SMALL | {"AllocatedStorage": 50}, 20, {}),
        (SMALL | {"PendingModifiedValues": {"AllocatedStorage": 60}}, 40, {}),
        # Alone: RDS refuses IOPS, and the storage type without them.
        (SMALL, 22, {"AllocatedStorage": 22}),
        (SMALL, 399, {"AllocatedStorage": 399}),
        # With both: RDS refuses the size without them, and the old ones.
        (SMALL, 400, {"AllocatedStorage": 400, "Iops": 12000, "StorageThroughput": 500}),
        (STRIPED, 550, {"AllocatedStorage": 550, "Iops": 16000, "StorageThroughput": 750}),
        (STRIPED, 20, {}),
    ],
)
def test_what_rds_is_asked_for(instance, minimum, asked):
    assert rds_storage.growth(instance, minimum) == asked


def test_less_than_ten_percent_is_refused_with_the_least_that_rds_takes():
    with pytest.raises(rds_storage.StorageError, match="request 22 GiB or more"):
        rds_storage.growth(SMALL, 21)


class Client:
    """RDS with one instance, or none; notes the changes."""

    exceptions = SimpleNamespace(DBInstanceNotFoundFault=KeyError)

    def __init__(self, *instances):
        self.instances, self.changes = instances, []

    def describe_db_instances(self, **_):
        if not self.instances:
            raise KeyError
        return {"DBInstances": list(self.instances)}

    def modify_db_instance(self, **change):
        self.changes.append(change)


def run(client, minimum, check=False):
    parameters = {"db_instance_identifier": "DB", "allocated_storage": minimum, "apply_immediately": True}
    return rds_storage.raise_storage(SimpleNamespace(params=parameters, check_mode=check), client)


def test_it_raises_and_shows_the_difference():
    client = Client(SMALL)
    result = run(client, 40)
    assert result["changed"]
    assert result["diff"] == {"before": {"AllocatedStorage": 20}, "after": {"AllocatedStorage": 40}}
    assert client.changes == [
        {"DBInstanceIdentifier": "db", "ApplyImmediately": True, "aws_retry": True, "AllocatedStorage": 40}
    ]


def test_check_mode_writes_nothing():
    client = Client(SMALL)
    assert run(client, 40, check=True)["changed"]
    assert client.changes == []


def test_while_rds_optimizes_the_storage_it_is_left_alone_and_said():
    client = Client(SMALL | {"DBInstanceStatus": "storage-optimization"})
    result = run(client, 40)
    assert not result["changed"]
    assert "db keeps 20 GiB for now" in result["waits_for"]
    assert client.changes == []
    assert run(client, 20)["waits_for"] == ""


@pytest.mark.parametrize("instances", [(), ({"DBInstanceStatus": "creating"},)])
def test_what_is_not_there_yet_is_left_alone(instances):
    assert run(Client(*instances), 40) == {"changed": False, "allocated_storage": 0, "waits_for": ""}
