"""RDS: maintenance that is pending."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.rds.responses import RDSResponse


# AWS: lists what it will do by itself to an instance (moto: 500). Here only what a test puts into the instance's
# pending_maintenance, a list of PendingMaintenanceAction.
def describe_pending_maintenance_actions(response: RDSResponse) -> ActionResult:
    """DescribePendingMaintenanceActions, with the filter db-instance-id."""
    wanted = {value for one in response.params.get("Filters", []) for value in one.get("Values", [])}
    found = [
        {
            "ResourceIdentifier": instance.db_instance_arn,
            "PendingMaintenanceActionDetails": instance.pending_maintenance,
        }
        for instance in response.backend.databases.values()
        if getattr(instance, "pending_maintenance", None)
        and (not wanted or wanted & {instance.db_instance_identifier, instance.db_instance_arn})
    ]
    return ActionResult({"PendingMaintenanceActions": found})


RDSResponse.describe_pending_maintenance_actions = describe_pending_maintenance_actions
