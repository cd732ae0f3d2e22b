# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""The types of AWS resources that this collection describes, and one normal form for descriptions and for what the account has.

Types and properties are named as in CloudFormation. What CloudFormation makes a resource of its own, but what belongs to
another one here, is its property: routes, rules, policies, subscriptions, a server's state.

Which changes replace a resource, is CloudFormation's statement "Update requires: Replacement" for each property
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html); a unit test
compares the table with the schemas of its resource types.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LATER = "known_after_apply"
"""The key of the value of a property that AWS chooses at creation: {known_after_apply: reason}."""


@dataclass(frozen=True)
class Type:
    """What is known about a type of resources."""

    unset: Mapping[str, Any]
    """Each property that a description may have, with its value in a resource without it: "", [] or {}."""
    references: Mapping[str, str]
    """Path of a property that names another resource -> the type of that. A path leads through lists: `Routes.GatewayId`."""
    create_only: frozenset[str]
    """Properties that AWS sets at creation only: a difference is a replacement."""
    create_only_with: Mapping[str, tuple[str, Any]]
    """Properties that AWS sets at creation only in a resource whose other property, the tuple's first, has the tuple's second."""
    at_least: frozenset[str]
    """Paths of numbers that AWS or an operator may have raised, and that never shrink. Block devices have their name."""
    noted: frozenset[str]
    """Properties that AWS changes by itself: a difference is a note."""
    usual: Mapping[str, Any]
    """Values of properties that are no news if no description has them; the reader notes any other."""
    lost: str
    """What a replacement loses."""


def _type(
    text: str = "",
    lists: str = "",
    maps: str = "Tags",
    references: Mapping[str, str] | None = None,
    create_only: str = "",
    create_only_with: Mapping[str, tuple[str, Any]] | None = None,
    at_least: str = "",
    noted: str = "",
    usual: Mapping[str, Any] | None = None,
    lost: str = "",
) -> Type:
    """Return a type; the properties are words, by the kind of their values."""
    unset: dict[str, Any] = dict.fromkeys(text.split(), "")
    unset |= {name: [] for name in lists.split()} | {name: {} for name in maps.split()}
    return Type(
        unset=unset,
        references=references or {},
        create_only=frozenset(create_only.split()),
        create_only_with=create_only_with or {},
        at_least=frozenset(at_least.split()),
        noted=frozenset(noted.split()),
        usual=usual or {},
        lost=lost,
    )


VPC, SUBNET, GATEWAY = "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::InternetGateway"
ROUTE_TABLE, SECURITY_GROUP = "AWS::EC2::RouteTable", "AWS::EC2::SecurityGroup"
INSTANCE, ADDRESS, KEY_PAIR = "AWS::EC2::Instance", "AWS::EC2::EIP", "AWS::EC2::KeyPair"
ROLE, PROFILE = "AWS::IAM::Role", "AWS::IAM::InstanceProfile"
SECRET, BUCKET = "AWS::SecretsManager::Secret", "AWS::S3::Bucket"
DB_SUBNETS, DB_PARAMETERS, DB = (
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBInstance",
)
CACHE_SUBNETS, CACHE = "AWS::ElastiCache::SubnetGroup", "AWS::ElastiCache::ReplicationGroup"
LOG_GROUP, TOPIC, ALARM = "AWS::Logs::LogGroup", "AWS::SNS::Topic", "AWS::CloudWatch::Alarm"

TYPES: dict[str, Type] = {
    VPC: _type(
        text="CidrBlock EnableDnsSupport EnableDnsHostnames InstanceTenancy",
        create_only="CidrBlock InstanceTenancy",
        usual={"InstanceTenancy": "default"},
        lost="everything in the network: server, database and cache are created again",
    ),
    SUBNET: _type(
        text="VpcId CidrBlock AvailabilityZone MapPublicIpOnLaunch",
        references={"VpcId": VPC},
        create_only="VpcId CidrBlock AvailabilityZone",
        lost="what lies in the subnet: it is created again",
    ),
    GATEWAY: _type(
        text="VpcId", references={"VpcId": VPC}, lost="the connection to the internet for some minutes"
    ),
    ROUTE_TABLE: _type(
        text="VpcId",
        lists="Routes SubnetIds",
        references={"VpcId": VPC, "SubnetIds": SUBNET, "Routes.GatewayId": GATEWAY},
        create_only="VpcId",
        lost="the routes of its subnets for some seconds",
    ),
    SECURITY_GROUP: _type(
        text="GroupName GroupDescription VpcId",
        lists="SecurityGroupIngress SecurityGroupEgress",
        references={
            "VpcId": VPC,
            "SecurityGroupIngress.SourceSecurityGroupId": "AWS::EC2::SecurityGroup",
            "SecurityGroupEgress.DestinationSecurityGroupId": "AWS::EC2::SecurityGroup",
        },
        create_only="GroupName GroupDescription VpcId",
        lost="the connections that the group allows, until all that use it have the new group",
    ),
    INSTANCE: _type(
        # The lifecycle as DescribeInstances tells it: spot, or nothing.
        text="ImageId InstanceType InstanceLifecycle KeyName SubnetId IamInstanceProfile Monitoring "
        "DisableApiTermination SourceDestCheck State",
        lists="SecurityGroupIds BlockDeviceMappings",
        maps="CreditSpecification MetadataOptions Tags",
        references={
            "SubnetId": SUBNET,
            "SecurityGroupIds": SECURITY_GROUP,
            "IamInstanceProfile": PROFILE,
            "KeyName": KEY_PAIR,
        },
        create_only="ImageId InstanceLifecycle KeyName SubnetId BlockDeviceMappings",
        # AWS stops no Spot server of a one-time request, and changes the type of a stopped server only.
        create_only_with={"InstanceType": ("InstanceLifecycle", "spot")},
        at_least="BlockDeviceMappings.Ebs.VolumeSize",
        usual={
            "DisableApiTermination": False,
            "InstanceLifecycle": "",
            "SourceDestCheck": True,
            "State": "running",
        },
        lost="the server with its disk; the next deployment sets up the new one",
    ),
    ADDRESS: _type(
        text="Domain InstanceId",
        references={"InstanceId": INSTANCE},
        lost="the public address: DNS must point to the new one",
    ),
    KEY_PAIR: _type(
        text="KeyName KeyType PublicKeyMaterial",
        create_only="KeyName KeyType PublicKeyMaterial",
        lost="nothing: servers keep the key that they were created with",
    ),
    ROLE: _type(
        text="RoleName Path Description PermissionsBoundary MaxSessionDuration",
        lists="Policies ManagedPolicyArns",
        maps="AssumeRolePolicyDocument Tags",
        create_only="RoleName Path",
        usual={"Path": "/", "MaxSessionDuration": "3600", "PermissionsBoundary": "", "ManagedPolicyArns": []},
        lost="the server's access to AWS until its instance profile and the bucket's policy name the new role",
    ),
    PROFILE: _type(
        text="InstanceProfileName Path",
        lists="Roles",
        references={"Roles": ROLE},
        create_only="InstanceProfileName Path",
        usual={"Path": "/"},
        lost="the server's access to AWS until it has the new profile",
    ),
    SECRET: _type(
        text="Name Description KmsKeyId RotationEnabled",
        maps="ResourcePolicy Tags",
        create_only="Name",
        usual={"KmsKeyId": "", "ResourcePolicy": {}, "RotationEnabled": False},
        lost="the secret's value: users with the old one cannot log in",
    ),
    BUCKET: _type(
        text="BucketName AccessControl",
        maps="BucketPolicy PublicAccessBlockConfiguration BucketEncryption OwnershipControls VersioningConfiguration "
        "LifecycleConfiguration CorsConfiguration WebsiteConfiguration LoggingConfiguration NotificationConfiguration "
        "ReplicationConfiguration AccelerateConfiguration Tags",
        create_only="BucketName",
        usual={
            "AccessControl": "Private",
            "VersioningConfiguration": {},
            "LifecycleConfiguration": {},
            "CorsConfiguration": {},
            "WebsiteConfiguration": {},
            "LoggingConfiguration": {},
            "NotificationConfiguration": {},
            "ReplicationConfiguration": {},
            "AccelerateConfiguration": {},
        },
        lost="all images",
    ),
    DB_SUBNETS: _type(
        text="DBSubnetGroupName DBSubnetGroupDescription",
        lists="SubnetIds",
        references={"SubnetIds": SUBNET},
        create_only="DBSubnetGroupName",
        lost="nothing, but the database must move first",
    ),
    DB_PARAMETERS: _type(
        text="DBParameterGroupName Family Description",
        maps="Parameters Tags",
        create_only="DBParameterGroupName Family Description",
        lost="nothing, but the database must use another group first",
    ),
    DB: _type(
        text="DBInstanceIdentifier Engine EngineVersion DBInstanceClass AllocatedStorage MaxAllocatedStorage StorageType "
        "StorageEncrypted KmsKeyId DBName MasterUsername Port AvailabilityZone MultiAZ PubliclyAccessible DBSubnetGroupName "
        "DBParameterGroupName BackupRetentionPeriod PreferredBackupWindow PreferredMaintenanceWindow "
        "AutoMinorVersionUpgrade CopyTagsToSnapshot DeletionProtection CACertificateIdentifier MonitoringInterval "
        "EnablePerformanceInsights EnableIAMDatabaseAuthentication",
        lists="VPCSecurityGroups EnableCloudwatchLogsExports",
        references={
            "DBSubnetGroupName": DB_SUBNETS,
            "DBParameterGroupName": DB_PARAMETERS,
            "VPCSecurityGroups": SECURITY_GROUP,
        },
        create_only="DBInstanceIdentifier DBName DBSubnetGroupName KmsKeyId MasterUsername StorageEncrypted Engine "
        "AvailabilityZone",
        at_least="AllocatedStorage",
        noted="CACertificateIdentifier",
        usual={
            "MaxAllocatedStorage": "",
            "MonitoringInterval": "0",
            "EnablePerformanceInsights": False,
            "EnableIAMDatabaseAuthentication": False,
            "EnableCloudwatchLogsExports": [],
            "PubliclyAccessible": False,
            "MultiAZ": False,
        },
        lost="all data since the last snapshot, and the automated backups",
    ),
    CACHE_SUBNETS: _type(
        text="CacheSubnetGroupName Description",
        lists="SubnetIds",
        references={"SubnetIds": SUBNET},
        create_only="CacheSubnetGroupName",
        lost="nothing, but the cache must be deleted first",
    ),
    CACHE: _type(
        text="ReplicationGroupId ReplicationGroupDescription Engine EngineVersion CacheNodeType NumCacheClusters Port "
        "CacheParameterGroupName CacheSubnetGroupName SnapshotRetentionLimit SnapshotWindow PreferredMaintenanceWindow "
        "AutoMinorVersionUpgrade TransitEncryptionEnabled TransitEncryptionMode AtRestEncryptionEnabled KmsKeyId "
        "AutomaticFailoverEnabled MultiAZEnabled",
        lists="SecurityGroupIds PreferredCacheClusterAZs",
        references={"CacheSubnetGroupName": CACHE_SUBNETS, "SecurityGroupIds": SECURITY_GROUP},
        # Not the zones: more nodes have more of them.
        create_only="ReplicationGroupId Port CacheSubnetGroupName AtRestEncryptionEnabled KmsKeyId",
        usual={"AutomaticFailoverEnabled": False, "MultiAZEnabled": False, "AutoMinorVersionUpgrade": True},
        lost="the cache's content, which the application fills again; its endpoint changes",
    ),
    LOG_GROUP: _type(
        text="LogGroupName RetentionInDays KmsKeyId LogGroupClass",
        create_only="LogGroupName",
        usual={"KmsKeyId": "", "LogGroupClass": "STANDARD"},
        lost="all logs of the group",
    ),
    TOPIC: _type(
        text="TopicName DisplayName KmsMasterKeyId",
        lists="Subscription",
        maps="TopicPolicy Tags",
        create_only="TopicName",
        usual={"KmsMasterKeyId": "", "TopicPolicy": {}},
        lost="the confirmed subscriptions",
    ),
    ALARM: _type(
        text="AlarmName AlarmDescription Namespace MetricName Statistic ExtendedStatistic ComparisonOperator Threshold Period "
        "EvaluationPeriods DatapointsToAlarm TreatMissingData ActionsEnabled Unit",
        lists="Dimensions AlarmActions OKActions InsufficientDataActions",
        references={
            "Dimensions.Value": INSTANCE,
            "AlarmActions": TOPIC,
            "OKActions": TOPIC,
            "InsufficientDataActions": TOPIC,
        },
        create_only="AlarmName",
        usual={
            "ActionsEnabled": True,
            "OKActions": [],
            "InsufficientDataActions": [],
            "DatapointsToAlarm": "",
            "Unit": "",
        },
        lost="the alarm's history",
    ),
}


class PropertyError(ValueError):
    """A type or a property that the table does not have; the message names both."""


def normal(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties of a resource in their normal form: equal if, and only if, they mean the same on AWS.

    Numbers become text, ``true`` and ``false`` booleans, and lists are sorted and have no element twice: AWS keeps no order.
    Policies are parsed. What is unset is "", [] or {}. Raises PropertyError.
    """
    if kind not in TYPES:
        raise PropertyError(f"{kind} is not a type of the table in account_types.py.")
    unset = TYPES[kind].unset
    unknown = sorted(properties.keys() - unset.keys())
    if unknown:
        raise PropertyError(f"{kind} has no property {', '.join(unknown)} in the table in account_types.py.")
    return {name: _form(kind, name, properties[name], unset[name]) for name in unset if name in properties}


def _form(kind: str, name: str, value: Any, unset: Any) -> Any:  # noqa: ANN401 - any value of YAML
    if _is_later(value):
        return dict(value)
    if value is None or value in ("", [], {}):
        return type(unset)()
    form = _FORMS.get(f"{kind}.{name}") or _FORMS.get(name) or plain
    return form(value)


def _is_later(value: object) -> bool:
    return isinstance(value, Mapping) and LATER in value


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of YAML
    """Return a value of any depth with its numbers as text, its booleans as such and its lists as sorted sets."""
    if isinstance(value, Mapping):
        return {
            str(key): value[key] if _is_later(value[key]) else plain(value[key])
            for key in sorted(value, key=str)
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return _as_set(plain(one) for one in value)
    if isinstance(value, bool):
        return value
    text = _text(value)
    return text.lower() == "true" if text.lower() in ("true", "false") else text


def _text(value: object) -> str:
    """Return a number without a fraction of zero, or any other value, as text; a boolean as in JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _as_set(values: Iterable[Any]) -> list[Any]:
    return _sorted({_key(one): one for one in values}.values())


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=_key)


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True)


# -- policies ------------------------------------------------------------------------------------------------


def policy(document: str | Mapping[str, Any]) -> Any:  # noqa: ANN401 - what is no document stays as it is
    """Return a policy document, parsed, with its statements and their lists in a fixed order; a list of one is its element.

    What AWS should refuse is compared all the same: a text that is no JSON, and statements of another form.
    """
    parsed = _parsed(document)
    if not parsed:
        return {}
    if not isinstance(parsed, Mapping):
        return plain(parsed)
    statements = parsed.get("Statement") or []
    statements = statements if isinstance(statements, (list, tuple)) else [statements]
    other = {str(key): _plain_text(parsed[key]) for key in sorted(parsed, key=str) if key != "Statement"}
    # What a document without a version means.
    return {"Version": "2008-10-17"} | other | {"Statement": _sorted(_statement(one) for one in statements)}


def _parsed(document: object) -> Any:  # noqa: ANN401 - any value of JSON
    try:
        return json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return document


def _plain_text(value: object) -> Any:  # noqa: ANN401 - text, or what a document should not have
    return plain(value) if isinstance(value, (Mapping, list, tuple)) else _text(value)


def _statement(statement: object) -> Any:  # noqa: ANN401 - a dictionary, or what a document should not have
    if not isinstance(statement, Mapping):
        return _plain_text(statement)
    forms = {"Principal": _principal, "NotPrincipal": _principal, "Condition": _condition}
    return {str(key): forms.get(str(key), _one_or_all)(statement[key]) for key in sorted(statement, key=str)}


def _condition(value: object) -> Any:  # noqa: ANN401 - as of _statement
    if not isinstance(value, Mapping):
        return _plain_text(value)
    return {
        str(operator): (
            {str(name): _one_or_all(names[name]) for name in sorted(names, key=str)}
            if isinstance(names := value[operator], Mapping)
            else _plain_text(names)
        )
        for operator in sorted(value, key=str)
    }


def _principal(value: object) -> Any:  # noqa: ANN401 - text, or names by kind
    if not isinstance(value, Mapping):
        return _one_or_all(value)
    named = {
        str(key): _one_or_all(value[key], _account_root if key == "AWS" else _plain_text)
        for key in sorted(value, key=str)
    }
    # In a policy of a resource both mean every principal.
    return "*" if named == {"AWS": "*"} else named


def _account_root(value: object) -> Any:  # noqa: ANN401 - as of _plain_text
    """Return a principal's ARN; AWS stores the number of an account as the ARN of its root."""
    text = _plain_text(value)
    if not isinstance(text, str):
        return text
    return f"arn:aws:iam::{text}:root" if re.fullmatch(r"\d{12}", text) else text


def _one_or_all(value: Any, form: Callable[[object], Any] = _plain_text) -> Any:  # noqa: ANN401 - text, or a list of it
    values = _as_set(form(one) for one in (value if isinstance(value, (list, tuple)) else [value]))
    return values[0] if len(values) == 1 else values


def _topic_policy(document: str | Mapping[str, Any]) -> Any:  # noqa: ANN401 - as of policy
    """Return a topic's policy, {} for the one that AWS gives to each topic: its account may use it."""
    found = policy(document)
    statements = found.get("Statement", []) if isinstance(found, Mapping) else []
    one = statements[0] if len(statements) == 1 else {}
    keys = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    if not isinstance(one, Mapping) or set(one) != keys or one["Sid"] != "__default_statement_ID":
        return found
    account = [*str(one.get("Resource")).split(":"), *[""] * 5][4]
    actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
    # The name of a condition's key has no case.
    condition = json.dumps(one["Condition"]).lower()
    default = (
        one["Effect"] == "Allow"
        and one["Principal"] == "*"
        and condition == json.dumps({"stringequals": {"aws:sourceowner": account}})
        and {str(action).rpartition(":")[2] for action in actions} <= _TOPIC_ACTIONS
    )
    return {} if default else found


_TOPIC_ACTIONS = {
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "Publish",
    "Receive",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
}


def _policies(policies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return _sorted(
        {"PolicyName": one["PolicyName"], "PolicyDocument": policy(one["PolicyDocument"])} for one in policies
    )


# -- networks ------------------------------------------------------------------------------------------------


def _range(value: object) -> str:
    """Return an address range as AWS stores it, without the bits of a host."""
    try:
        return str(ipaddress.ip_network(str(value), strict=False))
    except ValueError:
        return str(value)


_PROTOCOLS = {"all": "-1", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


def _rules(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return _as_set(_rule(one) for one in rules)


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    one = {key: plain(value) for key, value in rule.items() if value not in (None, "")}
    protocol = str(one.get("IpProtocol", "-1")).lower()
    one["IpProtocol"] = _PROTOCOLS.get(protocol, protocol)
    if one["IpProtocol"] == "-1":
        one = {key: value for key, value in one.items() if key not in ("FromPort", "ToPort")}
    return {key: _range(one[key]) if key.startswith("Cidr") else one[key] for key in sorted(one)}


def _routes(routes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return _as_set(
        {
            key: _range(one[key]) if key.endswith("CidrBlock") else plain(one[key])
            for key in sorted(one)
            if one[key] not in (None, "")
        }
        for one in routes
    )


# -- the rest ------------------------------------------------------------------------------------------------


def tags(value: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return tags by key, from a dictionary or from a list of ``Key`` and ``Value``, without AWS's own."""
    if not isinstance(value, Mapping):
        value = {
            one.get("Key", one.get("key", one.get("TagKey"))): one.get(
                "Value", one.get("value", one.get("TagValue"))
            )
            for one in value
        }
    return {str(key): _text(value[key]) for key in sorted(value, key=str) if not str(key).startswith("aws:")}


def _server_tags(value: Any) -> dict[str, str]:  # noqa: ANN401 - as of tags
    """Return a server's tags without its host key, which role table_order adds after the creation."""
    return {key: text for key, text in tags(value).items() if key != "HostKey"}


def _encryption(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bucket's encryption without what S3 adds to it, the blocked kinds of encryption and a key that is off."""
    rules = [
        {
            key: plain(rule[key])
            for key in sorted(rule)
            if key == "ServerSideEncryptionByDefault"
            or (key == "BucketKeyEnabled" and plain(rule[key]) is True)
        }
        for rule in value.get("ServerSideEncryptionConfiguration", [])
    ]
    return {"ServerSideEncryptionConfiguration": _as_set(rules)}


def _devices(devices: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return block devices; gp3's performance without a charge is what a volume has that names none."""
    result = []
    for device in devices:
        one = plain(device)
        ebs = one.get("Ebs", {})
        if ebs.get("VolumeType") == "gp3":
            free = {"Iops": "3000", "Throughput": "125"}
            one["Ebs"] = {key: value for key, value in ebs.items() if free.get(key) != value}
        result.append(one)
    return _as_set(result)


def _number(value: object) -> str:
    try:
        return _text(float(str(value)))
    except ValueError:
        return str(value)


def _lower(value: object) -> str:
    return _text(value).lower()


def _versions(parts: int) -> Callable[[object], str]:
    """Return a form that keeps the first numbers of a version: AWS raises the others by itself."""
    return lambda value: ".".join(_text(value).split(".")[:parts])


_FORMS: dict[str, Callable[[Any], Any]] = {
    "Tags": tags,
    f"{INSTANCE}.Tags": _server_tags,
    "AssumeRolePolicyDocument": policy,
    "BucketPolicy": policy,
    "ResourcePolicy": policy,
    "TopicPolicy": _topic_policy,
    "Policies": _policies,
    "SecurityGroupIngress": _rules,
    "SecurityGroupEgress": _rules,
    "Routes": _routes,
    "CidrBlock": _range,
    "BucketEncryption": _encryption,
    "BlockDeviceMappings": _devices,
    "PublicKeyMaterial": lambda value: " ".join(_text(value).split()[:2]),
    "Threshold": _number,
    # The zones of the nodes: two may be the same.
    "PreferredCacheClusterAZs": lambda value: sorted(_text(one) for one in value),
    f"{DB}.EngineVersion": _versions(1),
    f"{CACHE}.EngineVersion": _versions(2),
    # Values that look like numbers or booleans, and are text.
    "Parameters": lambda value: {str(key): _text(value[key]) for key in sorted(value)},
    **dict.fromkeys(("PreferredBackupWindow", "PreferredMaintenanceWindow", "SnapshotWindow"), _lower),
    # RDS and ElastiCache store names in lower case.
    **dict.fromkeys(
        (
            "DBInstanceIdentifier",
            "DBSubnetGroupName",
            "DBParameterGroupName",
            "ReplicationGroupId",
            "CacheSubnetGroupName",
            "CacheParameterGroupName",
        ),
        _lower,
    ),
    **dict.fromkeys(
        (
            "Description",
            "GroupDescription",
            "DBSubnetGroupDescription",
            "ReplicationGroupDescription",
            "AlarmDescription",
        ),
        _text,
    ),
}
