"""A small ElastiCache: replication groups whose states take time, requests checked with AWS's own model."""

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator

MODEL = botocore.session.get_session().get_service_model("elasticache")
ARN = "arn:aws:elasticache:ap-northeast-2:123456789012:replicationgroup"
ENDPOINT = "table-order-redis.abcdef.ng.0001.apn2.cache.amazonaws.com"


def aws_error(code, message="refused", operation="Operation"):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class FakeElastiCache:
    """Answers like a botocore client, and notes every write in `writes`."""

    def __init__(self):
        self.group = None  # the one replication group, as DescribeReplicationGroups shows it
        self.member = {}  # what all its clusters have in common, as DescribeCacheClusters shows it
        self.tags = {}
        self.writes = []  # (operation, request)
        self.now = 0.0
        self.slept = []
        self.takes = 60.0  # seconds that a creation, change or deletion lasts
        self.ends_as = "available"
        self.busy_status = None  # what it shows meanwhile, where that is not modifying, creating, ...
        self.errors = {}  # operation -> error to answer with
        self._busy_until = None
        self._then = None

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def __getattr__(self, method):
        operation = "".join(part.capitalize() for part in method.split("_"))

        def call(aws_retry=False, **request):
            assert aws_retry, "throttling is not retried"
            report = ParamValidator().validate(request, MODEL.operation_model(operation).input_shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report())
            if operation in self.errors:
                raise self.errors[operation]
            if not operation.startswith(("Describe", "List")):
                self.writes.append((operation, request))
            self._let_time_pass()
            return getattr(self, f"_{method}")(**request)

        return call

    def get_paginator(self, name):
        assert name == "describe_replication_groups"
        outer = self

        class Paginator:
            def paginate(self):
                return [{"ReplicationGroups": [outer.group] if outer.group else []}]

        return Paginator()

    def _let_time_pass(self):
        if self._busy_until is not None and self.now >= self._busy_until:
            self._busy_until = None
            self._then()

    def _begin(self, status, then):
        self.group["Status"] = self.busy_status or status
        self._busy_until, self._then = self.now + self.takes, then

    def _finish(self):
        self.group["Status"] = self.ends_as
        self.group["NodeGroups"][0]["PrimaryEndpoint"] = {"Address": ENDPOINT, "Port": self.port}

    def _require(self, group_id, available=False):
        if self.group is None or self.group["ReplicationGroupId"] != group_id:
            raise aws_error("ReplicationGroupNotFoundFault")
        if available and self.group["Status"] not in ("available", "create-failed"):
            raise aws_error("InvalidReplicationGroupState", f"the group is {self.group['Status']}")

    def _nodes(self, count, zones):
        names = [f"{self.group['ReplicationGroupId']}-{number + 1:03}" for number in range(count)]
        self.group["MemberClusters"] = names
        self.group["NodeGroups"] = [
            {
                "NodeGroupMembers": [
                    {"CacheClusterId": name, "PreferredAvailabilityZone": zone}
                    for name, zone in zip(names, zones, strict=True)
                ]
            }
        ]

    def _create_replication_group(self, **request):
        if self.group is not None:
            raise aws_error("ReplicationGroupAlreadyExists")
        self.port = request.get("Port", 6379)
        self.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        self.group = {
            "ReplicationGroupId": request["ReplicationGroupId"],
            "ARN": f"{ARN}:{request['ReplicationGroupId']}",
            "Description": request["ReplicationGroupDescription"],
            "Engine": request["Engine"],
            "CacheNodeType": request["CacheNodeType"],
            "SnapshotRetentionLimit": request.get("SnapshotRetentionLimit", 0),
            "SnapshotWindow": request.get("SnapshotWindow", "16:00-17:00"),
            "AutoMinorVersionUpgrade": request.get("AutoMinorVersionUpgrade", True),
            "TransitEncryptionEnabled": request.get("TransitEncryptionEnabled", False),
            "AtRestEncryptionEnabled": request.get("AtRestEncryptionEnabled", False),
            "AuthTokenEnabled": "AuthToken" in request,
            "AutomaticFailover": "enabled" if request.get("AutomaticFailoverEnabled") else "disabled",
            "MultiAZ": "enabled" if request.get("MultiAZEnabled") else "disabled",
            "PendingModifiedValues": {},
        }
        if request.get("TransitEncryptionEnabled"):
            self.group["TransitEncryptionMode"] = request.get("TransitEncryptionMode", "required")
        count = request["NumCacheClusters"]
        self._nodes(count, request.get("PreferredCacheClusterAZs", ["ap-northeast-2a"] * count))
        window = request.get("PreferredMaintenanceWindow", "sun:17:00-sun:18:00")
        self.member = {
            "EngineVersion": request.get("EngineVersion", "7.1") + ".0",
            "CacheSubnetGroupName": request.get("CacheSubnetGroupName", "default"),
            "PreferredMaintenanceWindow": window.lower(),
            "PendingModifiedValues": {},
        }
        self._set_member(request)
        self._begin("creating", self._finish)
        return {"ReplicationGroup": self.group}

    def _set_member(self, request):
        if "SecurityGroupIds" in request:
            self.member["SecurityGroups"] = [
                {"SecurityGroupId": name} for name in request["SecurityGroupIds"]
            ]
        if "CacheParameterGroupName" in request:
            self.member["CacheParameterGroup"] = {
                "CacheParameterGroupName": request["CacheParameterGroupName"]
            }

    def _modify_replication_group(self, ReplicationGroupId, ApplyImmediately, **request):  # noqa: N803
        self._require(ReplicationGroupId, available=True)
        if request.get("AutomaticFailoverEnabled") and len(self.group["MemberClusters"]) < 2:
            raise aws_error("InvalidParameterValue", "automatic failover needs a replica")
        self._refuse_tls(request)
        if "AuthToken" in request:
            if request["AuthTokenUpdateStrategy"] == "SET" and not self.group["AuthTokenEnabled"]:
                raise aws_error("InvalidParameterCombination", "SET before ROTATE")
            self.group["AuthTokenEnabled"] = True
        if not ApplyImmediately:
            waiting = {"CacheNodeType", "EngineVersion"} & set(request)
            self.member["PendingModifiedValues"].update({name: request.pop(name) for name in waiting})
        else:
            self.member["PendingModifiedValues"] = {}

        def apply():
            names = {"ReplicationGroupDescription": "Description"}
            for name, value in request.items():
                if name in ("AutomaticFailoverEnabled", "MultiAZEnabled"):
                    self.group[name.removesuffix("Enabled")] = "enabled" if value else "disabled"
                else:
                    self.group[names.get(name, name)] = value
            self._set_member(request)
            for name in ("EngineVersion", "PreferredMaintenanceWindow"):
                if name in request:
                    self.member[name] = request[name].lower()
            self._finish()

        self._begin("modifying", apply)
        return {"ReplicationGroup": self.group}

    def _refuse_tls(self, request):
        """What AWS says of TLS: not with a password, not at once, and not without the switch."""
        wanted, mode = request.get("TransitEncryptionEnabled"), request.get("TransitEncryptionMode")
        if wanted is None and mode is None:
            return
        if self.group["AuthTokenEnabled"]:
            message = (
                "Modification of transit encryption is not supported for access control enabled clusters."
            )
        elif wanted is None and not self.group["TransitEncryptionEnabled"]:
            message = "To modify transit encryption mode, set encryption-in-transit as enabled."
        elif wanted and not self.group["TransitEncryptionEnabled"] and mode != "preferred":
            message = "Transit encryption is enabled with the mode preferred."
        elif wanted is False and self.group["TransitEncryptionMode"] != "preferred":
            message = "Transit encryption is disabled from the mode preferred."
        else:
            return
        raise aws_error("InvalidParameterCombination", message)

    def _scale(self, ReplicationGroupId, ApplyImmediately, NewReplicaCount=None, ReplicaConfiguration=None):  # noqa: N803
        self._require(ReplicationGroupId, available=True)
        shard = (ReplicaConfiguration or [{}])[0]
        count = shard.get("NewReplicaCount", NewReplicaCount) + 1
        zones = shard.get("PreferredAvailabilityZones", ["ap-northeast-2a"] * count)

        def apply():
            self._nodes(count, zones)
            self._finish()

        self._begin("modifying", apply)
        return {"ReplicationGroup": self.group}

    _increase_replica_count = _scale
    _decrease_replica_count = _scale

    def _delete_replication_group(self, ReplicationGroupId, **_request):  # noqa: N803
        self._require(ReplicationGroupId, available=True)

        def forget():
            self.group = None

        self._begin("deleting", forget)
        return {"ReplicationGroup": self.group}

    def _describe_replication_groups(self, ReplicationGroupId):  # noqa: N803
        self._require(ReplicationGroupId)
        return {"ReplicationGroups": [self.group]}

    def _describe_cache_clusters(self, CacheClusterId):  # noqa: N803
        if self.group["Status"] == "creating":
            raise aws_error("CacheClusterNotFound")
        return {"CacheClusters": [self.member | {"CacheClusterId": CacheClusterId}]}

    def _list_tags_for_resource(self, ResourceName):  # noqa: N803
        if self.group["Status"] == "creating":
            raise aws_error("InvalidReplicationGroupState")
        return {"TagList": [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def _add_tags_to_resource(self, ResourceName, Tags):  # noqa: N803
        self.tags |= {tag["Key"]: tag["Value"] for tag in Tags}

    def _remove_tags_from_resource(self, ResourceName, TagKeys):  # noqa: N803
        for key in TagKeys:
            del self.tags[key]
