"""RDS: maintenance that is pending, certificates, and the ends of versions."""

from __future__ import annotations

import datetime
from typing import Any

from moto.core.responses import ActionResult, PaginatedResult
from moto.rds.exceptions import InvalidParameterValue, RDSClientError
from moto.rds.models import DBInstance, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from local_cloud.patching import Original, around
from local_cloud.shims.rds.versions import POSTGRES_VERSIONS

YEAR = datetime.timedelta(days=365)
# The certificate authorities, with their ends.
AUTHORITIES = {
    "rds-ca-rsa2048-g1": datetime.datetime(2061, 5, 25, tzinfo=datetime.UTC),
    "rds-ca-rsa4096-g1": datetime.datetime(2121, 5, 25, tzinfo=datetime.UTC),
    "rds-ca-ecc384-g1": datetime.datetime(2121, 5, 25, tzinfo=datetime.UTC),
}
# PostgreSQL's ends of standard and of extended support, by major version (R41).
LIFECYCLES = {
    "14": ("2027-02-28", "2030-02-28"),
    "15": ("2028-02-29", "2031-02-28"),
    "16": ("2029-02-28", "2032-02-29"),
    "17": ("2030-02-28", "2033-02-28"),
}
ACTIONS = {"ca-certificate-rotation", "db-upgrade", "hardware-maintenance", "os-upgrade", "system-update"}


def order(account: str, region: str, wanted: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give databases (by identifier) what a test wants: `actions` that are pending, and `certificate_valid_till` (ISO 8601).

    Returns both of every instance. Raises ValueError for an unknown instance, key or action.
    """
    databases = rds_backends[account][region].databases
    for name, given in wanted.items():
        if name not in databases:
            raise ValueError(f"there is no database {name}")
        if unknown := given.keys() - {"actions", "certificate_valid_till"}:
            raise ValueError(f"there is no {', '.join(sorted(unknown))}; use actions, certificate_valid_till")
        if unknown := {one.get("Action", "") for one in given.get("actions", [])} - ACTIONS:
            raise ValueError(
                f"there is no action {', '.join(unknown)}; there is {', '.join(sorted(ACTIONS))}"
            )
    for name, given in wanted.items():
        if "actions" in given:
            databases[name].pending_maintenance = given["actions"]
        if "certificate_valid_till" in given:
            till = datetime.datetime.fromisoformat(given["certificate_valid_till"])
            databases[name].certificate_valid_till = till
    return {
        name: {
            "actions": getattr(instance, "pending_maintenance", []),
            "certificate_valid_till": certificate_details(instance)["ValidTill"].isoformat(),
        }
        for name, instance in databases.items()
    }


# AWS: lists what it will do by itself to an instance (R38; moto: 500). Here only what a test ordered.
def describe_pending_maintenance_actions(response: RDSResponse) -> ActionResult:
    """DescribePendingMaintenanceActions, with the filter db-instance-id."""
    wanted = {value for one in response.params.get("Filters") or [] for value in one.get("Values", [])}
    named = response.params.get("ResourceIdentifier")
    found = [
        _pending(instance)
        for instance in response.backend.databases.values()
        if getattr(instance, "pending_maintenance", None)
        and (not wanted or wanted & {instance.db_instance_identifier, instance.db_instance_arn})
        and named in (None, instance.db_instance_arn)
    ]
    return ActionResult({"PendingMaintenanceActions": found})


def _pending(instance: DBInstance) -> dict[str, Any]:
    return {
        "ResourceIdentifier": instance.db_instance_arn,
        "PendingMaintenanceActionDetails": instance.pending_maintenance,
    }


# AWS: "immediate" cannot be undone; the others only say when (R38; moto: 500). Here "immediate" is done at once.
def apply_pending_maintenance_action(response: RDSResponse) -> ActionResult:
    """ApplyPendingMaintenanceAction."""
    arn, action, choice = (
        response.params.get(name) for name in ("ResourceIdentifier", "ApplyAction", "OptInType")
    )
    found = [one for one in response.backend.databases.values() if one.db_instance_arn == arn]
    pending = [
        one for one in getattr(found[0], "pending_maintenance", []) if one["Action"] == action
    ] if found else []  # fmt: skip
    if not pending:
        raise RDSClientError("ResourceNotFoundFault", f"No pending action {action} for {arn}.")
    if choice not in ("immediate", "next-maintenance", "undo-opt-in"):
        raise InvalidParameterValue(f"Invalid OptInType: {choice}")
    if choice == "immediate":
        found[0].pending_maintenance = [one for one in found[0].pending_maintenance if one not in pending]
    elif choice == "next-maintenance":
        pending[0]["OptInStatus"] = choice
    else:
        pending[0].pop("OptInStatus", None)
    found[0].pending_maintenance = getattr(found[0], "pending_maintenance", [])
    return ActionResult({"ResourcePendingMaintenanceActions": _pending(found[0])})


RDSResponse.describe_pending_maintenance_actions = describe_pending_maintenance_actions
RDSResponse.apply_pending_maintenance_action = apply_pending_maintenance_action


# AWS: an instance shows its certificate's authority and end (R37; moto: neither).
def certificate_details(instance: DBInstance) -> dict[str, Any]:
    """The certificate of an instance: CAIdentifier, ValidTill."""
    till = getattr(instance, "certificate_valid_till", None) or instance.created + YEAR
    if till.tzinfo is None:
        till = till.replace(tzinfo=datetime.UTC)
    return {"CAIdentifier": instance.ca_certificate_identifier, "ValidTill": till}


DBInstance.certificate_details = property(certificate_details)


def describe_certificates(response: RDSResponse) -> ActionResult:
    """DescribeCertificates: the authorities (R37; moto: 500)."""
    named = response.params.get("CertificateIdentifier")
    if named and named not in AUTHORITIES:
        raise RDSClientError("CertificateNotFound", f"Certificate not found: {named}")
    region = response.backend.region_name
    found = [
        {
            "CertificateIdentifier": name,
            "CertificateType": "CA",
            "ValidFrom": datetime.datetime(2021, 5, 25, tzinfo=datetime.UTC),
            "ValidTill": till,
            "CertificateArn": f"arn:aws:rds:{region}::cert:{name}",
            "CustomerOverride": False,
        }
        for name, till in AUTHORITIES.items()
        if named in (None, name)
    ]
    return ActionResult({"DefaultCertificateForNewLaunches": next(iter(AUTHORITIES)), "Certificates": found})


RDSResponse.describe_certificates = describe_certificates


# AWS: only the authorities that there are (R37; moto accepts any).
@around(RDSBackend, "modify_db_instance")
def refuse_authority(original: Original, backend: RDSBackend, name: str, values: dict[str, Any]) -> object:
    """Raise for an unknown certificate authority."""
    wanted = values.get("ca_certificate_identifier")
    if wanted and wanted not in AUTHORITIES:
        raise RDSClientError("CertificateNotFound", f"Certificate not found: {wanted}")
    return original(backend, name, values)


def describe_db_engine_versions(response: RDSResponse) -> ActionResult:
    """DescribeDBEngineVersions, of PostgreSQL 15 (R38; moto: 500)."""
    asked = response.params.get("EngineVersion")
    found = [
        {
            "Engine": "postgres",
            "MajorEngineVersion": "15",
            "EngineVersion": version,
            "DBParameterGroupFamily": "postgres15",
            "DBEngineDescription": "PostgreSQL",
            "DBEngineVersionDescription": f"PostgreSQL {version}",
            "Status": "available",
            "ValidUpgradeTarget": [
                {
                    "Engine": "postgres",
                    "EngineVersion": later,
                    "AutoUpgrade": False,
                    "IsMajorVersionUpgrade": False,
                }
                for later in POSTGRES_VERSIONS[number + 1 :]
            ],
        }
        for number, version in enumerate(POSTGRES_VERSIONS)
        if asked in (None, "15", version) and response.params.get("Engine") in (None, "postgres")
    ]
    if response.params.get("DefaultOnly"):
        found = found[-1:]
    return PaginatedResult({"DBEngineVersions": found})


def describe_db_major_engine_versions(response: RDSResponse) -> ActionResult:
    """DescribeDBMajorEngineVersions: the ends of support (R41, R42; moto: 500)."""
    asked = response.params.get("MajorEngineVersion")
    names = ("open-source-rds-standard-support", "open-source-rds-extended-support")
    found = [
        {
            "Engine": "postgres",
            "MajorEngineVersion": version,
            "SupportedEngineLifecycles": [
                {
                    "LifecycleSupportName": name,
                    "LifecycleSupportEndDate": datetime.datetime.fromisoformat(f"{end}T23:59:59+00:00"),
                }
                for name, end in zip(names, ends, strict=True)
            ],
        }
        for version, ends in LIFECYCLES.items()
        if asked in (None, version) and response.params.get("Engine") in (None, "postgres")
    ]
    return PaginatedResult({"DBMajorEngineVersions": found})


RDSResponse.describe_db_engine_versions = describe_db_engine_versions
RDSResponse.describe_db_major_engine_versions = describe_db_major_engine_versions
