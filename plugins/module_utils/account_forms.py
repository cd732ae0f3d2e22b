# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the AWS API says of each type of resources, in CloudFormation's properties.

A `Kind` names the calls for its type, and turns their answers into properties. It sends nothing itself: account_reader.py does.
"""
# ruff: noqa: D102 - the methods of each type override documented ones of Kind

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.table_order.infra.plugins.module_utils import account_types as types
from ansible_collections.table_order.infra.plugins.module_utils.account_types import normal, tags

Raw = dict[str, Any]
"""An element of an answer of the API."""
Properties = dict[str, Any]
"""Values, or functions without arguments for those that need an answer of a call that AWS may deny."""


@dataclass(frozen=True)
class Call:
    """One read: a method of a boto3 client, and the key of its answer that holds the result ("": the whole answer)."""

    service: str
    method: str
    key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """AWS's errors that say that there is none: the result is None."""


class Kind:
    """A type of resources: the calls that read it, and what their answers mean."""

    type = ""
    call: Call
    """Lists all resources of the type."""
    named_by_tag = True
    in_vpc = False
    """Whether a name is unique only within the VPC."""

    def calls(self, service_name: str, names: list[str]) -> list[Call]:
        """Return the calls that list the type, for what begins with the service's name and for the described names."""
        return [self.call]

    def id(self, raw: Raw) -> str:
        """Return the resource's id or ARN."""
        raise NotImplementedError

    def tags(self, raw: Raw) -> dict[str, str]:
        """Return the tags that the list tells."""
        return tags(raw.get("Tags", []))

    def name(self, raw: Raw) -> str:
        """Return the resource's name, "" without one."""
        return self.tags(raw).get("Name", "")

    def aws_own(self, raw: Raw) -> bool:
        """Return whether AWS made the resource by itself, or has already ended it."""
        return False

    def gone(self, raw: Raw) -> str:
        """Return why a resource that AWS still lists counts as absent, "" for one that exists."""
        return ""

    def place(self, raw: Raw) -> str:
        """Return the id of the VPC or server that the resource belongs to."""
        return raw.get("VpcId") or ""

    def address(self, raw: Raw) -> str:
        """Return the IP address that AWS chose, "" for a type without one."""
        return ""

    def stands_for(self, raw: Raw, wanted: Properties, vpc: str) -> bool:
        """Return whether provisioning takes the resource for the described one although its name differs."""
        return False

    def rank(self, raw: Raw) -> tuple[Any, ...]:
        """Return the sort key among several of one name; the first is taken for the described one."""
        return (self.id(raw),)

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        """Return further calls for a resource, ``wanted`` with its described properties."""
        return {}

    def more(self, raw: Raw, answers: Mapping[str, Any]) -> dict[str, Call]:
        """Return calls that depend on the answers of `details`."""
        return {}

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        """Return the properties, with ids where a description has names."""
        raise NotImplementedError

    def untold(self, raw: Raw) -> tuple[str, ...]:
        """Return the properties that AWS does not tell during the creation: they are taken from the description."""
        return ()

    def pending(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        """Return the properties that AWS has agreed to change and not changed yet, with their values to come."""
        return {}

    def notes(self, raw: Raw, answers: Mapping[str, Any]) -> list[str]:
        """Return what AWS does by itself, or has not finished."""
        return []

    def own(self, properties: dict[str, Any], wanted: Properties) -> dict[str, Any]:
        """Return the properties, in normal form, without what `extras` has."""
        return properties

    def extras(self, raw: Raw, answers: Mapping[str, Any], wanted: Properties) -> list[dict[str, str]]:
        """Return what somebody added to a resource that is a resource of its own, as type, name, id and why."""
        return []


def _named(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of an answer by their names in CloudFormation, without those that are not told."""
    return {name: value[key] for name, key in names.items() if value.get(key) is not None}


# -- network -------------------------------------------------------------------------------------------------


class Vpc(Kind):
    """Networks."""

    type = types.VPC
    call = Call("ec2", "describe_vpcs", "Vpcs")

    def id(self, raw: Raw) -> str:
        return raw["VpcId"]

    def aws_own(self, raw: Raw) -> bool:
        return bool(raw.get("IsDefault"))

    def stands_for(self, raw: Raw, wanted: Properties, vpc: str) -> bool:
        # ec2_vpc_net finds a network by its name and range.
        return (
            self.name(raw) == wanted.get("Tags", {}).get("Name", "") != ""
            and raw["CidrBlock"] == wanted["CidrBlock"]
        )

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        return {
            name: Call("ec2", "describe_vpc_attribute", name, {"VpcId": raw["VpcId"], "Attribute": attribute})
            for name, attribute in (
                ("EnableDnsSupport", "enableDnsSupport"),
                ("EnableDnsHostnames", "enableDnsHostnames"),
            )
        }

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return {
            "CidrBlock": raw["CidrBlock"],
            "InstanceTenancy": raw.get("InstanceTenancy"),
            "EnableDnsSupport": lambda: answers["EnableDnsSupport"]["Value"],
            "EnableDnsHostnames": lambda: answers["EnableDnsHostnames"]["Value"],
            "Tags": self.tags(raw),
        }


class Subnet(Kind):
    """Subnets."""

    type = types.SUBNET
    call = Call("ec2", "describe_subnets", "Subnets")
    in_vpc = True

    def id(self, raw: Raw) -> str:
        return raw["SubnetId"]

    def aws_own(self, raw: Raw) -> bool:
        return bool(raw.get("DefaultForAz"))

    def stands_for(self, raw: Raw, wanted: Properties, vpc: str) -> bool:
        # ec2_vpc_subnet finds a subnet by its range.
        return raw["VpcId"] == vpc and raw["CidrBlock"] == wanted.get("CidrBlock")

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        names = ("VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch")
        return _named(raw, {name: name for name in names}) | {"Tags": self.tags(raw)}


class InternetGateway(Kind):
    """Internet gateways."""

    type = types.GATEWAY
    call = Call("ec2", "describe_internet_gateways", "InternetGateways")

    def id(self, raw: Raw) -> str:
        return raw["InternetGatewayId"]

    def place(self, raw: Raw) -> str:
        return next((one["VpcId"] for one in raw.get("Attachments", [])), "")

    def rank(self, raw: Raw) -> tuple[Any, ...]:
        return (not self.place(raw), self.id(raw))

    def stands_for(self, raw: Raw, wanted: Properties, vpc: str) -> bool:
        return self.place(raw) == vpc

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return {"VpcId": self.place(raw), "Tags": self.tags(raw)}


class RouteTable(Kind):
    """Route tables."""

    type = types.ROUTE_TABLE
    call = Call("ec2", "describe_route_tables", "RouteTables")
    in_vpc = True
    targets = (
        "GatewayId",
        "NatGatewayId",
        "InstanceId",
        "NetworkInterfaceId",
        "TransitGatewayId",
        "VpcPeeringConnectionId",
        "EgressOnlyInternetGatewayId",
        "CarrierGatewayId",
        "LocalGatewayId",
        "CoreNetworkArn",
    )
    destinations = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")

    def id(self, raw: Raw) -> str:
        return raw["RouteTableId"]

    def aws_own(self, raw: Raw) -> bool:
        return any(one.get("Main") for one in raw.get("Associations", [])) and not self.tags(raw)

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        # AWS adds the route to the VPC itself. A route to a server also names its network interface.
        routes = [one for one in raw.get("Routes", []) if one.get("GatewayId") != "local"]
        return {
            "VpcId": raw["VpcId"],
            "Routes": [
                {key: one[key] for key in self.destinations if one.get(key)}
                | dict([(key, one[key]) for key in self.targets if one.get(key)][:1])
                for one in routes
            ],
            "SubnetIds": [one["SubnetId"] for one in raw.get("Associations", []) if one.get("SubnetId")],
            "Tags": self.tags(raw),
        }

    def notes(self, raw: Raw, answers: Mapping[str, Any]) -> list[str]:
        lost = [one for one in raw.get("Routes", []) if one.get("State") == "blackhole"]
        return [
            f"The route to {next(one[key] for key in self.destinations if one.get(key))} leads nowhere (blackhole)."
            for one in lost
        ]


class SecurityGroup(Kind):
    """Security groups."""

    type = types.SECURITY_GROUP
    call = Call("ec2", "describe_security_groups", "SecurityGroups")
    named_by_tag = False
    in_vpc = True

    def id(self, raw: Raw) -> str:
        return raw["GroupId"]

    def name(self, raw: Raw) -> str:
        return raw["GroupName"]

    def aws_own(self, raw: Raw) -> bool:
        return raw["GroupName"] == "default"

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return {
            "GroupName": raw["GroupName"],
            "GroupDescription": raw.get("Description"),
            "VpcId": raw.get("VpcId"),
            "SecurityGroupIngress": _rules(raw.get("IpPermissions", []), "Source"),
            "SecurityGroupEgress": _rules(raw.get("IpPermissionsEgress", []), "Destination"),
            "Tags": self.tags(raw),
        }


def _rules(permissions: Iterable[Raw], side: str) -> list[dict[str, Any]]:
    """Return a rule for each range, list of prefixes and group of each permission."""
    result = []
    for one in permissions:
        common = {key: one.get(key) for key in ("IpProtocol", "FromPort", "ToPort")}
        peers = (
            ("IpRanges", "CidrIp", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
            ("PrefixListIds", "PrefixListId", f"{side}PrefixListId"),
            ("UserIdGroupPairs", "GroupId", f"{side}SecurityGroupId"),
        )
        for key, theirs, ours in peers:
            result += [
                common | {ours: peer[theirs], "Description": peer.get("Description")}
                for peer in one.get(key) or []
            ]
    return result


# -- server --------------------------------------------------------------------------------------------------

ENDED = ("shutting-down", "terminated")
STATES = {"pending": "running", "stopping": "stopped"}


class Instance(Kind):
    """Servers."""

    type = types.INSTANCE
    call = Call("ec2", "describe_instances", "Reservations[].Instances[]")

    def id(self, raw: Raw) -> str:
        return raw["InstanceId"]

    def address(self, raw: Raw) -> str:
        return raw.get("PrivateIpAddress") or ""

    def aws_own(self, raw: Raw) -> bool:
        return raw["State"]["Name"] in ENDED

    def gone(self, raw: Raw) -> str:
        return (
            f"{raw['InstanceId']} is {raw['State']['Name']}."
            if raw["State"]["Name"] == "shutting-down"
            else ""
        )

    def rank(self, raw: Raw) -> tuple[Any, ...]:
        order = ("running", "pending", "stopping", "stopped", *ENDED)
        return (order.index(raw["State"]["Name"]), str(raw.get("LaunchTime")), self.id(raw))

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        one = {"InstanceId": raw["InstanceId"]}
        several = {"InstanceIds": [raw["InstanceId"]]}
        attached = {"Filters": [{"Name": "attachment.instance-id", "Values": [raw["InstanceId"]]}]}
        return {
            "volumes": Call("ec2", "describe_volumes", "Volumes", attached),
            "credits": Call(
                "ec2", "describe_instance_credit_specifications", "InstanceCreditSpecifications", several
            ),
            "status": Call(
                "ec2", "describe_instance_status", "InstanceStatuses", several | {"IncludeAllInstances": True}
            ),
            "protection": Call(
                "ec2",
                "describe_instance_attribute",
                "DisableApiTermination",
                one | {"Attribute": "disableApiTermination"},
            ),
        }

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        options = (
            "HttpEndpoint",
            "HttpTokens",
            "HttpPutResponseHopLimit",
            "HttpProtocolIpv6",
            "InstanceMetadataTags",
        )
        profile = raw.get("IamInstanceProfile") or {}
        names = ("ImageId", "InstanceType", "InstanceLifecycle", "KeyName", "SubnetId", "SourceDestCheck")
        return _named(raw, {name: name for name in names}) | {
            "SecurityGroupIds": [one["GroupId"] for one in raw.get("SecurityGroups", [])],
            # The reader turns the id into the name: a profile that was made again has the same name, but another id.
            "IamInstanceProfile": profile.get("Id") or profile.get("Arn", "").rpartition("/")[2],
            "Monitoring": raw.get("Monitoring", {}).get("State") in ("enabled", "pending"),
            "MetadataOptions": _named(raw.get("MetadataOptions", {}), {name: name for name in options}),
            "CreditSpecification": lambda: (
                {"CPUCredits": answers["credits"][0]["CpuCredits"]} if answers["credits"] else {}
            ),
            "DisableApiTermination": lambda: (answers["protection"] or {}).get("Value", False),
            "BlockDeviceMappings": lambda: [
                _device(raw, one)
                for one in answers["volumes"]
                if _device_name(raw, one) == raw.get("RootDeviceName")
            ],
            "State": STATES.get(raw["State"]["Name"], raw["State"]["Name"]),
            "Tags": self.tags(raw),
        }

    def notes(self, raw: Raw, answers: Mapping[str, Any]) -> list[str]:
        found = [f"In progress: it is {raw['State']['Name']}."] if raw["State"]["Name"] in STATES else []
        for status in answers["status"] or []:
            for event in status.get("Events", []):
                if not event.get("Description", "").startswith(("[Completed]", "[Canceled]")):
                    found.append(
                        f"AWS has scheduled {event['Code']} for {event.get('NotBefore')}: {event.get('Description')}"
                    )
        return found

    def extras(self, raw: Raw, answers: Mapping[str, Any], wanted: Properties) -> list[dict[str, str]]:
        return [
            {
                "type": "AWS::EC2::Volume",
                "name": tags(one.get("Tags", [])).get("Name", one["VolumeId"]),
                "id": one["VolumeId"],
                "why": f"It is attached to {self.name(raw)} as {_device_name(raw, one)}.",
            }
            for one in answers["volumes"]
            if _device_name(raw, one) != raw.get("RootDeviceName")
        ]


def _attachment(raw: Raw, volume: Raw) -> Raw:
    return next(
        (one for one in volume.get("Attachments", []) if one.get("InstanceId") == raw["InstanceId"]), {}
    )


def _device_name(raw: Raw, volume: Raw) -> str:
    return _attachment(raw, volume).get("Device", "")


def _device(raw: Raw, volume: Raw) -> dict[str, Any]:
    names = {"VolumeSize": "Size", "VolumeType": "VolumeType", "Encrypted": "Encrypted", "Iops": "Iops"}
    ebs = (
        _named(volume, {**names, "Throughput": "Throughput"})
        if volume.get("VolumeType") == "gp3"
        else _named(volume, names)
    )
    mapped = {one["DeviceName"]: one.get("Ebs", {}) for one in raw.get("BlockDeviceMappings", [])}
    ebs["DeleteOnTermination"] = bool(mapped.get(_device_name(raw, volume), {}).get("DeleteOnTermination"))
    return {"DeviceName": _device_name(raw, volume), "Ebs": ebs}


class Address(Kind):
    """Elastic IP addresses."""

    type = types.ADDRESS
    call = Call("ec2", "describe_addresses", "Addresses")

    def id(self, raw: Raw) -> str:
        return raw.get("AllocationId") or raw["PublicIp"]

    def address(self, raw: Raw) -> str:
        return raw.get("PublicIp") or ""

    def place(self, raw: Raw) -> str:
        return raw.get("InstanceId") or ""

    def rank(self, raw: Raw) -> tuple[Any, ...]:
        return (not raw.get("AssociationId"), self.id(raw))

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        # An address may also belong to an interface that is not a server's.
        holder = raw.get("InstanceId") or raw.get("NetworkInterfaceId")
        return {"Domain": raw.get("Domain"), "InstanceId": holder, "Tags": self.tags(raw)}


class KeyPair(Kind):
    """Key pairs."""

    type = types.KEY_PAIR
    call = Call("ec2", "describe_key_pairs", "KeyPairs", {"IncludePublicKey": True})
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw.get("KeyPairId") or raw["KeyName"]

    def name(self, raw: Raw) -> str:
        return raw["KeyName"]

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        names = {"KeyName": "KeyName", "KeyType": "KeyType", "PublicKeyMaterial": "PublicKey"}
        return _named(raw, names) | {"Tags": self.tags(raw)}


# -- rights and secrets --------------------------------------------------------------------------------------

NO_ENTITY = ("NoSuchEntity",)


class Role(Kind):
    """IAM roles."""

    type = types.ROLE
    call = Call("iam", "list_roles", "Roles")
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw["Arn"]

    def name(self, raw: Raw) -> str:
        return raw["RoleName"]

    def aws_own(self, raw: Raw) -> bool:
        return raw.get("Path", "").startswith("/aws-service-role/")

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        role = {"RoleName": raw["RoleName"]}
        found = {
            "role": Call("iam", "get_role", "Role", role),
            "names": Call("iam", "list_role_policies", "PolicyNames", role),
            "attached": Call("iam", "list_attached_role_policies", "AttachedPolicies", role),
        }
        # Ask for the described ones in advance: IAM is far away, and most often these are all.
        return found | {
            one["PolicyName"]: self._policy(raw, one["PolicyName"]) for one in wanted.get("Policies", [])
        }

    def more(self, raw: Raw, answers: Mapping[str, Any]) -> dict[str, Call]:
        return {name: self._policy(raw, name) for name in answers["names"] if name not in answers}

    @staticmethod
    def _policy(raw: Raw, name: str) -> Call:
        arguments = {"RoleName": raw["RoleName"], "PolicyName": name}
        return Call("iam", "get_role_policy", "PolicyDocument", arguments, NO_ENTITY)

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return {
            "RoleName": raw["RoleName"],
            "Path": raw["Path"],
            "AssumeRolePolicyDocument": raw["AssumeRolePolicyDocument"],
            "Description": raw.get("Description"),
            "MaxSessionDuration": raw.get("MaxSessionDuration"),
            # ListRoles tells neither.
            "PermissionsBoundary": lambda: (
                answers["role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
            ),
            "Tags": lambda: self.tags(answers["role"]),
            "Policies": lambda: [
                {"PolicyName": name, "PolicyDocument": answers[name]}
                for name in answers["names"]
                if answers[name] is not None
            ],
            "ManagedPolicyArns": lambda: [one["PolicyArn"] for one in answers["attached"]],
        }


class Profile(Kind):
    """IAM instance profiles."""

    type = types.PROFILE
    call = Call("iam", "list_instance_profiles", "InstanceProfiles")
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw["InstanceProfileId"]

    def name(self, raw: Raw) -> str:
        return raw["InstanceProfileName"]

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        arguments = {"InstanceProfileName": raw["InstanceProfileName"]}
        return {"profile": Call("iam", "get_instance_profile", "InstanceProfile", arguments)}

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return {
            "InstanceProfileName": raw["InstanceProfileName"],
            "Path": raw["Path"],
            "Roles": [one["RoleName"] for one in raw.get("Roles", [])],
            "Tags": lambda: self.tags(answers["profile"]),
        }


class Secret(Kind):
    """Secrets, without their values."""

    type = types.SECRET
    call = Call("secretsmanager", "list_secrets", "SecretList", {"IncludePlannedDeletion": True})
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw["ARN"]

    def name(self, raw: Raw) -> str:
        return raw["Name"]

    def aws_own(self, raw: Raw) -> bool:
        return bool(raw.get("DeletedDate") or raw.get("OwningService"))

    def gone(self, raw: Raw) -> str:
        if not raw.get("DeletedDate"):
            return ""
        return f"It is scheduled for deletion ({raw['DeletedDate']}); the creation restores it with its old value."

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        return {
            "policy": Call(
                "secretsmanager", "get_resource_policy", "ResourcePolicy", {"SecretId": raw["ARN"]}
            )
        }

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return {
            "Name": raw["Name"],
            "Description": raw.get("Description"),
            "KmsKeyId": raw.get("KmsKeyId"),
            "RotationEnabled": bool(raw.get("RotationEnabled")),
            "ResourcePolicy": lambda: answers["policy"],
            "Tags": self.tags(raw),
        }


# -- storage -------------------------------------------------------------------------------------------------


class Bucket(Kind):
    """Buckets."""

    type = types.BUCKET
    call = Call("s3", "list_buckets", "Buckets")
    named_by_tag = False
    # Property -> method, key of the answer, S3's error without one.
    settings: Mapping[str, tuple[str, str, str]] = {
        "BucketPolicy": ("get_bucket_policy", "Policy", "NoSuchBucketPolicy"),
        "PublicAccessBlockConfiguration": (
            "get_public_access_block",
            "PublicAccessBlockConfiguration",
            "NoSuchPublicAccessBlockConfiguration",
        ),
        "BucketEncryption": (
            "get_bucket_encryption",
            "ServerSideEncryptionConfiguration",
            "ServerSideEncryptionConfigurationNotFoundError",
        ),
        "OwnershipControls": (
            "get_bucket_ownership_controls",
            "OwnershipControls",
            "OwnershipControlsNotFoundError",
        ),
        "VersioningConfiguration": ("get_bucket_versioning", "", ""),
        "LifecycleConfiguration": (
            "get_bucket_lifecycle_configuration",
            "Rules",
            "NoSuchLifecycleConfiguration",
        ),
        "CorsConfiguration": ("get_bucket_cors", "CORSRules", "NoSuchCORSConfiguration"),
        "WebsiteConfiguration": ("get_bucket_website", "", "NoSuchWebsiteConfiguration"),
        "LoggingConfiguration": ("get_bucket_logging", "LoggingEnabled", ""),
        "NotificationConfiguration": ("get_bucket_notification_configuration", "", ""),
        "ReplicationConfiguration": (
            "get_bucket_replication",
            "ReplicationConfiguration",
            "ReplicationConfigurationNotFoundError",
        ),
        "AccelerateConfiguration": ("get_bucket_accelerate_configuration", "", ""),
        "AccessControl": ("get_bucket_acl", "", ""),
        "Tags": ("get_bucket_tagging", "TagSet", "NoSuchTagSet"),
    }

    def id(self, raw: Raw) -> str:
        return raw["Name"]

    def name(self, raw: Raw) -> str:
        return raw["Name"]

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        bucket = {"Bucket": raw["Name"]}
        return {
            name: Call("s3", method, key, bucket, (none,) if none else ())
            for name, (method, key, none) in self.settings.items()
        }

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        forms: dict[str, Callable[[Any], Any]] = {
            "BucketEncryption": lambda value: {
                "ServerSideEncryptionConfiguration": [
                    {key.removeprefix("Apply"): one for key, one in rule.items()} for rule in value["Rules"]
                ]
            },
            "LifecycleConfiguration": lambda value: {"Rules": value},
            "CorsConfiguration": lambda value: {"CorsRules": value},
            "AccessControl": _grants,
        }
        return {"BucketName": raw["Name"]} | {
            name: (
                lambda name=name: (
                    forms.get(name, lambda value: value)(answers[name]) if answers[name] else None
                )
            )
            for name in self.settings
        }


def _grants(acl: Raw) -> str:
    """Return the name of the canned access control list that says the same: all but the owner's own right."""
    owner = acl.get("Owner", {}).get("ID")
    grants = sorted(
        f"{one['Grantee'].get('URI', one['Grantee'].get('ID', ''))} {one['Permission']}"
        for one in acl.get("Grants", [])
        if one["Grantee"].get("ID") != owner or owner is None
    )
    return ", ".join(grants) or "Private"


# -- database ------------------------------------------------------------------------------------------------


def _tags_of(
    service: str, argument: str, arn: str, key: str, missing: tuple[str, ...] = ()
) -> dict[str, Call]:
    return {"tags": Call(service, "list_tags_for_resource", key, {argument: arn}, missing)}


class DbSubnetGroup(Kind):
    """Subnet groups of RDS."""

    type = types.DB_SUBNETS
    call = Call("rds", "describe_db_subnet_groups", "DBSubnetGroups")
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw["DBSubnetGroupArn"]

    def name(self, raw: Raw) -> str:
        return raw["DBSubnetGroupName"]

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        return _tags_of("rds", "ResourceName", raw["DBSubnetGroupArn"], "TagList")

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return {
            "DBSubnetGroupName": raw["DBSubnetGroupName"],
            "DBSubnetGroupDescription": raw.get("DBSubnetGroupDescription"),
            "SubnetIds": [one["SubnetIdentifier"] for one in raw.get("Subnets", [])],
            "Tags": lambda: tags(answers["tags"]),
        }


class DbParameterGroup(Kind):
    """Parameter groups of RDS."""

    type = types.DB_PARAMETERS
    call = Call("rds", "describe_db_parameter_groups", "DBParameterGroups")
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw["DBParameterGroupArn"]

    def name(self, raw: Raw) -> str:
        return raw["DBParameterGroupName"]

    def aws_own(self, raw: Raw) -> bool:
        return raw["DBParameterGroupName"].startswith("default.")

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        arguments = {"DBParameterGroupName": raw["DBParameterGroupName"], "Source": "user"}
        return {
            "parameters": Call("rds", "describe_db_parameters", "Parameters", arguments),
            **_tags_of("rds", "ResourceName", raw["DBParameterGroupArn"], "TagList"),
        }

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        names = {"Family": "DBParameterGroupFamily", "DBParameterGroupName": "DBParameterGroupName"}
        return _named(raw, {**names, "Description": "Description"}) | {
            "Parameters": lambda: {
                one["ParameterName"]: one.get("ParameterValue") for one in answers["parameters"]
            },
            "Tags": lambda: tags(answers["tags"]),
        }


class DbInstance(Kind):
    """Databases."""

    type = types.DB
    call = Call("rds", "describe_db_instances", "DBInstances")
    named_by_tag = False
    same = (
        "DBInstanceIdentifier",
        "Engine",
        "EngineVersion",
        "DBInstanceClass",
        "AllocatedStorage",
        "MaxAllocatedStorage",
        "StorageType",
        "StorageEncrypted",
        "KmsKeyId",
        "DBName",
        "MasterUsername",
        "AvailabilityZone",
        "MultiAZ",
        "PubliclyAccessible",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "PreferredMaintenanceWindow",
        "AutoMinorVersionUpgrade",
        "CopyTagsToSnapshot",
        "DeletionProtection",
        "CACertificateIdentifier",
        "MonitoringInterval",
    )

    def id(self, raw: Raw) -> str:
        return raw["DBInstanceArn"]

    def name(self, raw: Raw) -> str:
        return raw["DBInstanceIdentifier"]

    def tags(self, raw: Raw) -> dict[str, str]:
        return tags(raw.get("TagList", []))

    def place(self, raw: Raw) -> str:
        return raw.get("DBSubnetGroup", {}).get("VpcId") or ""

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        arguments = {"Filters": [{"Name": "db-instance-id", "Values": [raw["DBInstanceArn"]]}]}
        return {
            "maintenance": Call(
                "rds", "describe_pending_maintenance_actions", "PendingMaintenanceActions", arguments
            )
        }

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return _named(raw, {name: name for name in self.same}) | {
            "Port": (raw.get("Endpoint") or {}).get("Port") or raw.get("DbInstancePort"),
            "DBSubnetGroupName": raw.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
            "DBParameterGroupName": next(
                (one["DBParameterGroupName"] for one in raw.get("DBParameterGroups", [])), ""
            ),
            "VPCSecurityGroups": [
                one["VpcSecurityGroupId"]
                for one in raw.get("VpcSecurityGroups", [])
                if one.get("Status") not in ("removing", "removed")
            ],
            "EnablePerformanceInsights": bool(raw.get("PerformanceInsightsEnabled")),
            "EnableIAMDatabaseAuthentication": bool(raw.get("IAMDatabaseAuthenticationEnabled")),
            "EnableCloudwatchLogsExports": raw.get("EnabledCloudwatchLogsExports", []),
            # AWS reports none of these where it has none.
            "MonitoringInterval": raw.get("MonitoringInterval") or 0,
            "MultiAZ": bool(raw.get("MultiAZ")),
            "PubliclyAccessible": bool(raw.get("PubliclyAccessible")),
            "Tags": self.tags(raw),
        }

    def untold(self, raw: Raw) -> tuple[str, ...]:
        return ("Port", "AvailabilityZone") if raw["DBInstanceStatus"] == "creating" else ()

    def pending(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        names = {name: name for name in (*self.same, "Port", "DBSubnetGroupName")}
        names["EnableIAMDatabaseAuthentication"] = "IAMDatabaseAuthenticationEnabled"
        return _named(raw.get("PendingModifiedValues") or {}, names)

    def notes(self, raw: Raw, answers: Mapping[str, Any]) -> list[str]:
        found = [f"It runs {raw['Engine']} {raw['EngineVersion']}; AWS upgrades the minor version."]
        if raw["DBInstanceStatus"] != "available":
            found.append(f"In progress: it is {raw['DBInstanceStatus']}.")
        window = raw.get("PreferredMaintenanceWindow", "the maintenance window")
        for name, value in sorted((raw.get("PendingModifiedValues") or {}).items()):
            shown = "a new value" if name == "MasterUserPassword" else value
            found.append(f"In progress: {name} becomes {shown}, at the latest in {window}.")
        for group in raw.get("DBParameterGroups", []):
            if group.get("ParameterApplyStatus") == "pending-reboot":
                found.append(f"Parameters of {group['DBParameterGroupName']} wait for a restart.")
        for one in answers["maintenance"] or []:
            for action in one.get("PendingMaintenanceActionDetails", []):
                when = action.get("CurrentApplyDate") or action.get("AutoAppliedAfterDate") or "no date yet"
                found.append(f"Pending maintenance: {action['Action']} ({when}).")
        return found


# -- cache ---------------------------------------------------------------------------------------------------


class CacheSubnetGroup(Kind):
    """Subnet groups of ElastiCache."""

    type = types.CACHE_SUBNETS
    call = Call("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups")
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw.get("ARN") or raw["CacheSubnetGroupName"]

    def name(self, raw: Raw) -> str:
        return raw["CacheSubnetGroupName"]

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        return _tags_of("elasticache", "ResourceName", raw["ARN"], "TagList")

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        return {
            "CacheSubnetGroupName": raw["CacheSubnetGroupName"],
            "Description": raw.get("CacheSubnetGroupDescription"),
            "SubnetIds": [one["SubnetIdentifier"] for one in raw.get("Subnets", [])],
            "Tags": lambda: tags(answers["tags"]),
        }


class Cache(Kind):
    """Replication groups."""

    type = types.CACHE
    call = Call("elasticache", "describe_replication_groups", "ReplicationGroups")
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw["ARN"]

    def name(self, raw: Raw) -> str:
        return raw["ReplicationGroupId"]

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        # AWS refuses to list the tags of a group that is being created or deleted.
        early = ("CacheClusterNotFound", "InvalidReplicationGroupState", "ReplicationGroupNotFoundFault")
        found = _tags_of("elasticache", "ResourceName", raw["ARN"], "TagList", early)
        if raw.get("MemberClusters"):
            # Version, groups and maintenance window are the members' own, and the same for all.
            arguments = {"CacheClusterId": raw["MemberClusters"][0]}
            found["members"] = Call(
                "elasticache",
                "describe_cache_clusters",
                "CacheClusters",
                arguments,
                ("CacheClusterNotFound",),
            )
        return found

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        def member() -> Raw:
            return next(iter(answers.get("members") or []), {})

        # Cluster mode disabled: one group of nodes, none yet during the creation.
        nodes = next(iter(raw.get("NodeGroups") or []), {})
        names = {
            "ReplicationGroupId": "ReplicationGroupId",
            "ReplicationGroupDescription": "Description",
            "CacheNodeType": "CacheNodeType",
            "SnapshotRetentionLimit": "SnapshotRetentionLimit",
            "SnapshotWindow": "SnapshotWindow",
            "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
            "TransitEncryptionMode": "TransitEncryptionMode",
            "KmsKeyId": "KmsKeyId",
        }
        zones = [one.get("PreferredAvailabilityZone") for one in nodes.get("NodeGroupMembers", [])]
        return _named(raw, names) | {
            "NumCacheClusters": len(raw.get("MemberClusters", [])),
            "Port": (nodes.get("PrimaryEndpoint") or {}).get("Port"),
            "PreferredCacheClusterAZs": [zone for zone in zones if zone],
            "TransitEncryptionEnabled": bool(raw.get("TransitEncryptionEnabled")),
            "AtRestEncryptionEnabled": bool(raw.get("AtRestEncryptionEnabled")),
            "AutomaticFailoverEnabled": raw.get("AutomaticFailover") in ("enabled", "enabling"),
            "MultiAZEnabled": raw.get("MultiAZ") == "enabled",
            "Engine": lambda: raw.get("Engine") or member().get("Engine"),
            "EngineVersion": lambda: member().get("EngineVersion"),
            "CacheParameterGroupName": lambda: (
                member().get("CacheParameterGroup", {}).get("CacheParameterGroupName")
            ),
            "CacheSubnetGroupName": lambda: member().get("CacheSubnetGroupName"),
            "PreferredMaintenanceWindow": lambda: member().get("PreferredMaintenanceWindow"),
            "SecurityGroupIds": lambda: [
                one["SecurityGroupId"] for one in member().get("SecurityGroups", [])
            ],
            "Tags": lambda: tags(answers["tags"] or []),
        }

    def untold(self, raw: Raw) -> tuple[str, ...]:
        if raw.get("Status") != "creating":
            return ()
        members = ("EngineVersion", "CacheParameterGroupName", "CacheSubnetGroupName", "SecurityGroupIds")
        return (
            *members,
            "NumCacheClusters",
            "Port",
            "PreferredCacheClusterAZs",
            "PreferredMaintenanceWindow",
            "Tags",
        )

    def pending(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        values = self.waiting(raw, answers)
        names = ("EngineVersion", "CacheNodeType", "TransitEncryptionEnabled", "TransitEncryptionMode")
        found = _named(values, {name: name for name in names})
        if "AutomaticFailoverStatus" in values:
            found["AutomaticFailoverEnabled"] = values["AutomaticFailoverStatus"] == "enabled"
        return found

    @staticmethod
    def waiting(raw: Raw, answers: Mapping[str, Any]) -> Raw:
        """Return what waits for the maintenance window, of the group and of its members."""
        values = dict(raw.get("PendingModifiedValues") or {})
        for member in answers.get("members") or []:
            values |= member.get("PendingModifiedValues") or {}
        return {name: value for name, value in values.items() if value not in (None, [], {})}

    def notes(self, raw: Raw, answers: Mapping[str, Any]) -> list[str]:
        found = [f"In progress: it is {raw['Status']}."] if raw.get("Status") != "available" else []
        found += [
            f"It runs version {member['EngineVersion']}; AWS upgrades the last number."
            for member in answers.get("members") or []
        ]
        return found + [
            f"In progress: {name} becomes {'a new value' if 'Auth' in name else value}."
            for name, value in sorted(self.waiting(raw, answers).items())
        ]


# -- monitoring ----------------------------------------------------------------------------------------------


class LogGroup(Kind):
    """Log groups."""

    type = types.LOG_GROUP
    call = Call("logs", "describe_log_groups", "logGroups")
    named_by_tag = False

    def calls(self, service_name: str, names: list[str]) -> list[Call]:
        # An account may have thousands.
        prefixes = sorted({name for name in names if service_name not in name})
        wanted = [{"logGroupNamePattern": service_name}] + [{"logGroupNamePrefix": name} for name in prefixes]
        return [Call("logs", "describe_log_groups", "logGroups", arguments) for arguments in wanted]

    def id(self, raw: Raw) -> str:
        return raw.get("logGroupArn") or raw["arn"].removesuffix(":*")

    def name(self, raw: Raw) -> str:
        return raw["logGroupName"]

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        return _tags_of("logs", "resourceArn", self.id(raw), "tags")

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        names = {
            "LogGroupName": "logGroupName",
            "RetentionInDays": "retentionInDays",
            "KmsKeyId": "kmsKeyId",
            "LogGroupClass": "logGroupClass",
        }
        return (
            {"LogGroupClass": "STANDARD"} | _named(raw, names) | {"Tags": lambda: tags(answers["tags"] or {})}
        )


class Topic(Kind):
    """Topics, with their subscriptions."""

    type = types.TOPIC
    call = Call("sns", "list_topics", "Topics")
    named_by_tag = False

    def id(self, raw: Raw) -> str:
        return raw["TopicArn"]

    def name(self, raw: Raw) -> str:
        return raw["TopicArn"].rpartition(":")[2]

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        topic = {"TopicArn": raw["TopicArn"]}
        return {
            "attributes": Call("sns", "get_topic_attributes", "Attributes", topic),
            "subscriptions": Call("sns", "list_subscriptions_by_topic", "Subscriptions", topic),
            **_tags_of("sns", "ResourceArn", raw["TopicArn"], "Tags"),
        }

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        def attribute(name: str) -> Callable[[], Any]:
            return lambda: answers["attributes"].get(name)

        return {
            "TopicName": self.name(raw),
            "DisplayName": attribute("DisplayName"),
            "KmsMasterKeyId": attribute("KmsMasterKeyId"),
            "TopicPolicy": lambda: json.loads(answers["attributes"].get("Policy") or "{}"),
            "Subscription": lambda: [_subscription(one) for one in answers["subscriptions"]],
            "Tags": lambda: tags(answers["tags"]),
        }

    def notes(self, raw: Raw, answers: Mapping[str, Any]) -> list[str]:
        return [
            f"The subscription of {one['Endpoint']} waits for its confirmation."
            for one in answers["subscriptions"]
            if one["SubscriptionArn"] == "PendingConfirmation"
        ]

    def own(self, properties: dict[str, Any], wanted: Properties) -> dict[str, Any]:
        # Provisioning adds the described subscriptions, and removes none.
        if "Subscription" in properties and "Subscription" in wanted:
            described = [one for one in properties["Subscription"] if one in wanted["Subscription"]]
            return properties | {"Subscription": described}
        return properties

    def extras(self, raw: Raw, answers: Mapping[str, Any], wanted: Properties) -> list[dict[str, str]]:
        described = wanted.get("Subscription", [])
        return [
            {
                "type": "AWS::SNS::Subscription",
                "name": one["Endpoint"],
                "id": one["SubscriptionArn"],
                "why": f"It subscribes to {self.name(raw)} ({one['Protocol']}).",
            }
            for one in answers["subscriptions"]
            if normal(self.type, {"Subscription": [_subscription(one)]})["Subscription"][0] not in described
        ]


def _subscription(raw: Raw) -> dict[str, str]:
    return {"Protocol": raw["Protocol"], "Endpoint": raw["Endpoint"]}


class Alarm(Kind):
    """Alarms."""

    type = types.ALARM
    call = Call("cloudwatch", "describe_alarms", "MetricAlarms")
    named_by_tag = False
    same = (
        "AlarmName",
        "AlarmDescription",
        "Namespace",
        "MetricName",
        "Statistic",
        "ExtendedStatistic",
        "ComparisonOperator",
        "Threshold",
        "Period",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "TreatMissingData",
        "ActionsEnabled",
        "Unit",
        "AlarmActions",
        "OKActions",
        "InsufficientDataActions",
    )

    def calls(self, service_name: str, names: list[str]) -> list[Call]:
        # An account may have thousands.
        others = sorted({name for name in names if not name.startswith(service_name)})
        wanted: list[dict[str, Any]] = [{"AlarmNamePrefix": service_name}]
        wanted += [{"AlarmNames": others[start : start + 100]} for start in range(0, len(others), 100)]
        return [Call("cloudwatch", "describe_alarms", "MetricAlarms", arguments) for arguments in wanted]

    def id(self, raw: Raw) -> str:
        return raw["AlarmArn"]

    def name(self, raw: Raw) -> str:
        return raw["AlarmName"]

    def details(self, raw: Raw, wanted: Properties) -> dict[str, Call]:
        return _tags_of("cloudwatch", "ResourceARN", raw["AlarmArn"], "Tags")

    def properties(self, raw: Raw, answers: Mapping[str, Any]) -> Properties:
        dimensions = [{"Name": one["Name"], "Value": one["Value"]} for one in raw.get("Dimensions", [])]
        found = _named(raw, {name: name for name in self.same})
        return (
            {"TreatMissingData": "missing"}
            | found
            | {"Dimensions": dimensions, "Tags": lambda: tags(answers["tags"])}
        )


KINDS: dict[str, Kind] = {
    kind.type: kind
    for kind in (
        # The network first: what lies in it is found by its id.
        Vpc(),
        Subnet(),
        InternetGateway(),
        RouteTable(),
        SecurityGroup(),
        Role(),
        Profile(),
        KeyPair(),
        Instance(),
        Address(),
        Secret(),
        Bucket(),
        DbSubnetGroup(),
        DbParameterGroup(),
        DbInstance(),
        CacheSubnetGroup(),
        Cache(),
        LogGroup(),
        Topic(),
        Alarm(),
    )
}
