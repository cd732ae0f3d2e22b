"""An RDS and CloudWatch Logs in memory: what the modules ask, and what they were answered with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError


class NotFoundError(Exception):
    """The one of the API."""


class FakeRds:
    """Instances, snapshots and automated backups as RDS describes them; ``calls`` are the writing ones."""

    exceptions = SimpleNamespace(DBInstanceNotFoundFault=NotFoundError, DBSnapshotNotFoundFault=NotFoundError)

    def __init__(self) -> None:
        """Have nothing."""
        self.instances: list[dict[str, Any]] = []
        self.snapshots: list[dict[str, Any]] = []
        self.backups: list[dict[str, Any]] = []
        self.refusal = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def describe_db_instances(self, aws_retry: bool = False, **request: Any) -> Any:
        """Find by name, or by resource id."""
        assert aws_retry
        wanted = dict(request)
        for one in wanted.pop("Filters", ()):
            wanted["DbiResourceId"] = one["Values"][0]
        found = [one for one in self.instances if wanted.items() <= one.items()]
        if "DBInstanceIdentifier" in request and not found:
            raise NotFoundError
        return {"DBInstances": found}

    def describe_db_instance_automated_backups(self, aws_retry: bool = False, **request: Any) -> Any:
        """Answer one a page."""
        assert aws_retry
        number = int(request.pop("Marker", 0))
        found = [one for one in self.backups if request.items() <= one.items()]
        more = {"Marker": str(number + 1)} if number + 1 < len(found) else {}
        return {"DBInstanceAutomatedBackups": found[number : number + 1], **more}

    def describe_db_snapshots(self, aws_retry: bool = False, **wanted: str) -> Any:
        """Find by the snapshot's name, or by the instance's."""
        assert aws_retry
        found = [one for one in self.snapshots if wanted.items() <= one.items()]
        if "DBSnapshotIdentifier" in wanted and not found:
            raise NotFoundError
        return {"DBSnapshots": found}

    def __getattr__(self, name: str) -> Any:
        """Note any other call."""

        def call(aws_retry: bool = False, **request: Any) -> dict[str, Any]:
            assert aws_retry
            self.calls.append((name, request))
            if self.refusal:
                raise ClientError({"Error": {"Code": self.refusal, "Message": self.refusal}}, name)
            return {"DBInstance": {"DbiResourceId": "db-NEW"}}

        return call
