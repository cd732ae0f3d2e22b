"""RDS: instance classes, and which of them can be ordered."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, PaginatedResult
from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue, RDSClientError
from moto.rds.models import RDSBackend
from moto.rds.responses import RDSResponse

from local_cloud.patching import Original, around
from local_cloud.shims import capacity
from local_cloud.shims.rds.versions import POSTGRES_VERSIONS, resolve_version

BURSTABLE = ("micro", "small", "medium", "large", "xlarge", "2xlarge")
LARGE = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
# The classes for PostgreSQL 15 in Seoul.
CLASSES = [
    *(f"db.{family}.{size}" for family in ("t3", "t4g") for size in BURSTABLE),
    *(f"db.{family}.{size}" for family in ("m6g", "m6i", "m7g", "r6g", "r6i", "r7g") for size in LARGE),
    *(f"db.{family}.{size}" for family in ("m5", "r5") for size in (*LARGE, "24xlarge")),
]


# AWS: an unknown class is refused, one without capacity too (R22; moto accepts any).
def refuse_class(backend: RDSBackend, values: dict[str, Any]) -> None:
    """Raise for a class that PostgreSQL does not run on."""
    name = values.get("db_instance_class")
    if name is None:
        return
    if name not in CLASSES:
        raise InvalidParameterValue(f"Invalid DB Instance class: {name}")
    words = capacity.refusal(name, values.get("availability_zone") or f"{backend.region_name}a")
    if words:
        raise RDSClientError("InsufficientDBInstanceCapacity", words)


# AWS: DescribeOrderableDBInstanceOptions lists them by version and storage type (R22; moto: none for postgres).
@around(RDSResponse, "describe_orderable_db_instance_options")
def describe_orderable_db_instance_options(original: Original, response: RDSResponse) -> ActionResult:
    """List the classes of PostgreSQL, filtered by version, class and license."""
    asked = response.params
    if asked.get("Engine") != "postgres":
        return original(response)
    versions = POSTGRES_VERSIONS
    if asked.get("EngineVersion"):
        try:
            versions = (resolve_version(asked["EngineVersion"]),)
        except InvalidParameterCombination:
            versions = ()  # AWS: an empty list
    found = [
        _option(name, version, storage, response.backend.region_name)
        for version in versions
        for name in CLASSES
        if asked.get("DBInstanceClass") in (None, name)
        and asked.get("LicenseModel") in (None, "postgresql-license")
        and asked.get("Vpc") is not False
        for storage in ("gp2", "gp3", "io1")
    ]
    return PaginatedResult({"OrderableDBInstanceOptions": found})


def _option(name: str, version: str, storage: str, region: str) -> dict[str, Any]:
    return {
        "Engine": "postgres",
        "EngineVersion": version,
        "DBInstanceClass": name,
        "LicenseModel": "postgresql-license",
        "AvailabilityZones": [{"Name": f"{region}{letter}"} for letter in "abcd"],
        "MultiAZCapable": True,
        "ReadReplicaCapable": True,
        "Vpc": True,
        "SupportsStorageEncryption": True,
        "StorageType": storage,
        "SupportsIops": storage == "io1",
        "SupportsStorageThroughput": storage == "gp3",
        "SupportsEnhancedMonitoring": True,
        "SupportsIAMDatabaseAuthentication": True,
        "SupportsPerformanceInsights": True,
        "MinStorageSize": 100 if storage == "io1" else 20,
        "MaxStorageSize": 65536,
        "SupportsStorageAutoscaling": True,
    }
