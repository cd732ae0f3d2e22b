"""Eventual consistency on request: what was created a moment ago is not seen yet."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET
from typing import Any

from local_cloud.calls import Call, of_request
from local_cloud.faults import Answer, Environ, Fault, render

# The services whose new resources can be late. `tags` is the list of all tagged resources (GetResources).
SERVICES = ("ec2", "iam", "tags")
# What an IAM call creates or names.
IAM_NAMES = ("RoleName", "InstanceProfileName", "PolicyName")
EC2_ID = re.compile(r"\b(?:ami|eipalloc|i|igw|rtb|sg|snap|subnet|vol|vpc)-[0-9a-f]{8,17}\b")
NOT_FOUND = {
    "ami": "InvalidAMIID.NotFound",
    "eipalloc": "InvalidAllocationID.NotFound",
    "i": "InvalidInstanceID.NotFound",
    "igw": "InvalidInternetGatewayID.NotFound",
    "rtb": "InvalidRouteTableID.NotFound",
    "sg": "InvalidGroup.NotFound",
    "snap": "InvalidSnapshot.NotFound",
    "subnet": "InvalidSubnetID.NotFound",
    "vol": "InvalidVolume.NotFound",
    "vpc": "InvalidVpcID.NotFound",
}
# The lists of EC2's answers, with the element that holds an item's own id.
LISTS = {
    "addressesSet": "allocationId",
    "imagesSet": "imageId",
    "instancesSet": "instanceId",
    "internetGatewaySet": "internetGatewayId",
    "routeTableSet": "routeTableId",
    "securityGroupInfo": "groupId",
    "snapshotSet": "snapshotId",
    "subnetSet": "subnetId",
    "volumeSet": "volumeId",
    "vpcSet": "vpcId",
}


class Lag:
    """What is not seen yet. Off until a test orders seconds."""

    def __init__(self) -> None:
        """Start with everything seen at once."""
        self.seconds: dict[str, float] = {}
        self.known: set[str] = set()
        # (service, id or name) -> when it was created
        self.fresh: dict[tuple[str, str], float] = {}

    def forget(self) -> None:
        """Forget what was created."""
        self.known.clear()
        self.fresh.clear()

    def order(self, seconds: dict[str, float]) -> dict[str, float]:
        """Let what the services create be unseen for some seconds; {} ends it. Raises ValueError for an unknown service."""
        if unknown := seconds.keys() - set(SERVICES):
            raise ValueError(f"there is no lag of {', '.join(sorted(unknown))}; use {', '.join(SERVICES)}")
        self.seconds = {name: float(value) for name, value in seconds.items()}
        self.forget()
        return self.seconds

    def is_fresh(self, kind: str, service: str, name: str) -> bool:
        """Whether something that a service made is unseen in the lag of a kind."""
        made = self.fresh.get((service, name))
        return made is not None and time.monotonic() - made < self.seconds.get(kind, 0)

    def answer(self, environ: Environ, body: bytes) -> Answer | None:
        """AWS's error for a call on something that is not seen yet."""
        call = self._call(environ, body)
        fault = None
        if call and call.service == "iam" and not call.writes:
            name = _iam_name(call)
            if self.is_fresh("iam", "iam", name):
                fault = Fault(call.action, "NoSuchEntity", f"{name} cannot be found.", status=404)
        elif call and call.service == "ec2":
            fault = self._of_ec2(call)
        return render(fault, environ, body) if fault else None

    def _of_ec2(self, call: Call) -> Fault | None:
        profile = (call.get("IamInstanceProfile.Name") or call.get("IamInstanceProfile.Arn") or "").rpartition("/")[2]  # fmt: skip
        if self.is_fresh("iam", "iam", profile):
            return Fault(
                call.action,
                "InvalidParameterValue",
                f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
            )
        named = {one for key, value in call.parameters.items() if key.endswith("Ids") for one in value}
        for name in sorted(named) if not call.writes else []:
            if self.is_fresh("ec2", "ec2", str(name)):
                code = NOT_FOUND[name.partition("-")[0]]
                return Fault(call.action, code, f"The ID '{name}' does not exist")
        return None

    def as_seen(self, environ: Environ, body: bytes, answer: list[bytes]) -> list[bytes]:
        """An answer without what is not seen yet, or the given one; notes what a call created."""
        call = self._call(environ, body)
        if call is None:
            return answer
        content = b"".join(answer)
        if call.writes:
            self._note(call, content)
        elif call.service == "ec2" and "ec2" in self.seconds:
            return [self._without_fresh_items(content)]
        elif call.action == "GetResources":
            return [self._without_fresh_resources(content)]
        return answer

    def _call(self, environ: Environ, body: bytes) -> Call | None:
        if not self.seconds:
            return None
        try:
            return of_request(environ, body)
        except (KeyError, ValueError):
            return None

    def _note(self, call: Call, content: bytes) -> None:
        made: set[str] = set()
        if call.service == "ec2":
            given = set(EC2_ID.findall(json.dumps(call.parameters, default=str)))
            ids = set(EC2_ID.findall(content.decode(errors="replace")))
            if call.action.startswith(("Create", "Run", "Allocate")):
                made = ids - given - self.known
            self.known |= given | ids
        elif call.service == "iam" and call.action.startswith("Create"):
            made = {_iam_name(call)}
        elif call.action.startswith("Create"):  # for the list of tagged resources
            made = {
                value for key, value in call.parameters.items() if key.endswith(("Identifier", "Id", "Name"))
                and isinstance(value, str)
            }  # fmt: skip
        self.fresh |= {(call.service, name): time.monotonic() for name in made}

    def _without_fresh_items(self, content: bytes) -> bytes:
        try:
            root = ET.fromstring(content)  # noqa: S314 - our own answer
        except ET.ParseError:
            return content
        for parent in list(root.iter()):
            own = LISTS.get(_local(parent))
            for item in list(parent) if own else []:
                name = next((child.text or "" for child in item if _local(child) == own), "")
                if self.is_fresh("ec2", "ec2", name):
                    parent.remove(item)
        for reservation in list(root.iter()):
            if _local(reservation) == "reservationSet":
                for item in list(reservation):
                    if any(_local(child) == "instancesSet" and not len(child) for child in item):
                        reservation.remove(item)
        return ET.tostring(root)

    def _without_fresh_resources(self, content: bytes) -> bytes:
        try:
            document: dict[str, Any] = json.loads(content)
        except ValueError:
            return content
        fresh = {name for service, name in self.fresh if self.is_fresh("tags", service, name)}
        document["ResourceTagMappingList"] = [
            one
            for one in document.get("ResourceTagMappingList", [])
            if re.split(r"[:/]", one["ResourceARN"])[-1] not in fresh
        ]
        return json.dumps(document).encode()


def _iam_name(call: Call) -> str:
    named = next((call.get(key) for key in IAM_NAMES if call.get(key)), None)
    return named or (call.get("PolicyArn") or "").rpartition("/")[2]


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
