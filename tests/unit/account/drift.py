"""What somebody may do to the finished site by hand: each with the resource and the property that must show it."""

from __future__ import annotations

import json

from moto.logs.models import logs_backends
from moto.rds.models import rds_backends
from moto.secretsmanager.models import secretsmanager_backends

from tests.unit.account.finished_site import (
    ACCOUNT,
    BUCKET,
    BUCKET_POLICY,
    KEY,
    OTHER_KEY,
    PRIVATE,
    REGION,
    TOPIC_ARN,
    TRUST,
    Site,
    alarm_properties,
    allow,
    pairs,
    with_name,
)

ROLE = "table-order-ec2-role"
OWNER = [{"Key": "Owner", "Value": "ann"}]
# Type and name -> properties that somebody changed.
CHANGED = {
    ("EC2::VPC", "table-order-vpc"): "EnableDnsSupport EnableDnsHostnames Tags",
    ("EC2::Subnet", "table-order-public-subnet"): "MapPublicIpOnLaunch",
    ("EC2::Subnet", "table-order-private-subnet"): "Tags",
    ("EC2::InternetGateway", "table-order-igw"): "VpcId Tags",
    ("EC2::RouteTable", "table-order-public-rt"): "Routes Tags",
    ("EC2::RouteTable", "table-order-private-rt"): "SubnetIds",
    ("EC2::SecurityGroup", "table-order-ec2-sg"): "SecurityGroupIngress",
    ("EC2::SecurityGroup", "table-order-rds-sg"): "SecurityGroupEgress",
    ("EC2::SecurityGroup", "table-order-redis-sg"): "SecurityGroupIngress Tags",
    ("IAM::Role", ROLE): "Description PermissionsBoundary MaxSessionDuration Policies ManagedPolicyArns "
    "AssumeRolePolicyDocument Tags",
    ("IAM::InstanceProfile", ROLE): "Roles Tags",
    (
        "SecretsManager::Secret",
        "table-order/rds/master",
    ): "Description KmsKeyId ResourcePolicy RotationEnabled Tags",
    ("EC2::KeyPair", "table-order-key"): "PublicKeyMaterial Tags",
    (
        "EC2::Instance",
        "table-order-app-server",
    ): "InstanceType SecurityGroupIds IamInstanceProfile Monitoring "
    "DisableApiTermination SourceDestCheck State BlockDeviceMappings CreditSpecification MetadataOptions Tags",
    ("EC2::EIP", "table-order-app-server"): "InstanceId Tags",
    ("S3::Bucket", BUCKET): "AccessControl BucketPolicy PublicAccessBlockConfiguration BucketEncryption "
    "OwnershipControls VersioningConfiguration LifecycleConfiguration CorsConfiguration WebsiteConfiguration "
    "LoggingConfiguration NotificationConfiguration ReplicationConfiguration AccelerateConfiguration Tags",
    ("RDS::DBSubnetGroup", "table-order-db-subnet-group"): "DBSubnetGroupDescription SubnetIds Tags",
    ("RDS::DBParameterGroup", "table-order-postgres15"): "Parameters Tags",
    ("RDS::DBInstance", "table-order-db"): "DBInstanceClass AllocatedStorage MaxAllocatedStorage StorageType "
    "MultiAZ PubliclyAccessible BackupRetentionPeriod PreferredBackupWindow PreferredMaintenanceWindow "
    "AutoMinorVersionUpgrade CopyTagsToSnapshot DeletionProtection VPCSecurityGroups DBParameterGroupName "
    "MonitoringInterval EnablePerformanceInsights EnableIAMDatabaseAuthentication EnableCloudwatchLogsExports Tags",
    ("ElastiCache::SubnetGroup", "table-order-redis-subnet-group"): "Description SubnetIds",
    ("ElastiCache::ReplicationGroup", "table-order-redis"): "ReplicationGroupDescription CacheNodeType "
    "CacheParameterGroupName SecurityGroupIds SnapshotRetentionLimit AutoMinorVersionUpgrade Tags",
    ("Logs::LogGroup", "/aws/ec2/table-order/fastapi"): "RetentionInDays KmsKeyId Tags",
    ("Logs::LogGroup", "/aws/ec2/table-order/nginx"): "RetentionInDays",
    ("SNS::Topic", "table-order-alarms"): "DisplayName KmsMasterKeyId TopicPolicy Subscription Tags",
    ("CloudWatch::Alarm", "table-order-ec2-high-cpu"): "ActionsEnabled Tags",
    ("CloudWatch::Alarm", "table-order-rds-low-storage"): "AlarmDescription Namespace MetricName Statistic "
    "ComparisonOperator Threshold Period EvaluationPeriods TreatMissingData Dimensions AlarmActions OKActions "
    "InsufficientDataActions",
}


def drift(site: Site) -> None:
    """Change everything of CHANGED."""
    for change in (network, server, rights, bucket, database, cache, monitoring):
        change(site)


def network(site: Site) -> None:
    ec2, ids = site.client("ec2"), site.ids
    vpc_id = ids["table-order-vpc"]
    for attribute in ("EnableDnsHostnames", "EnableDnsSupport"):
        ec2.modify_vpc_attribute(VpcId=vpc_id, **{attribute: {"Value": False}})
    ec2.modify_subnet_attribute(
        SubnetId=ids["table-order-public-subnet"], MapPublicIpOnLaunch={"Value": False}
    )
    ec2.create_tags(Resources=[vpc_id, ids["table-order-public-rt"]], Tags=OWNER)
    ec2.delete_tags(Resources=[ids["table-order-private-subnet"]], Tags=[{"Key": "Name"}])
    ec2.delete_tags(Resources=[ids["table-order-igw"]], Tags=[{"Key": "ManagedBy"}])
    ec2.delete_tags(Resources=[ids["table-order-redis-sg"]], Tags=[{"Key": "Project"}])
    ec2.detach_internet_gateway(InternetGatewayId=ids["table-order-igw"], VpcId=vpc_id)
    ec2.create_route(
        RouteTableId=ids["table-order-public-rt"],
        DestinationCidrBlock="192.168.0.0/16",
        GatewayId=ids["table-order-igw"],
    )
    tables = ec2.describe_route_tables(RouteTableIds=[ids["table-order-private-rt"]])["RouteTables"]
    ec2.disassociate_route_table(AssociationId=tables[0]["Associations"][0]["RouteTableAssociationId"])
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    backend = {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    ec2.authorize_security_group_ingress(GroupId=ids["table-order-ec2-sg"], IpPermissions=[backend])
    ec2.authorize_security_group_egress(GroupId=ids["table-order-rds-sg"], IpPermissions=[everything])
    peer = {"GroupId": ids["table-order-rds-sg"], "Description": "by hand"}
    cache = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "UserIdGroupPairs": [peer]}
    ec2.authorize_security_group_ingress(GroupId=ids["table-order-redis-sg"], IpPermissions=[cache])


def server(site: Site) -> None:
    ec2, iam, ids = site.client("ec2"), site.client("iam"), site.ids
    instance_id = ids["table-order-app-server"]
    ec2.stop_instances(InstanceIds=[instance_id])
    for attribute in (
        {"InstanceType": {"Value": "t3.large"}},
        {"DisableApiTermination": {"Value": True}},
        {"SourceDestCheck": {"Value": False}},
        {"Groups": [ids["table-order-rds-sg"]]},
    ):
        ec2.modify_instance_attribute(InstanceId=instance_id, **attribute)
    ec2.monitor_instances(InstanceIds=[instance_id])
    ec2.modify_instance_metadata_options(InstanceId=instance_id, HttpTokens="optional")
    ec2.modify_instance_credit_specification(
        InstanceCreditSpecifications=[{"InstanceId": instance_id, "CpuCredits": "unlimited"}]
    )
    iam.create_instance_profile(InstanceProfileName="other-profile")
    associations = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [instance_id]}]
    )["IamInstanceProfileAssociations"]
    ec2.replace_iam_instance_profile_association(
        AssociationId=associations[0]["AssociationId"], IamInstanceProfile={"Name": "other-profile"}
    )
    root = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}])[
        "Volumes"
    ][0]
    ec2.detach_volume(VolumeId=root["VolumeId"], InstanceId=instance_id)
    for device, kind in (("/dev/xvda", "gp2"), ("/dev/sdf", "gp3")):
        volume = ec2.create_volume(Size=8, AvailabilityZone=f"{REGION}a", VolumeType=kind)["VolumeId"]
        ec2.attach_volume(VolumeId=volume, InstanceId=instance_id, Device=device)
        ids[device] = volume
    ec2.create_tags(Resources=[instance_id, ids["address"]], Tags=OWNER)
    ids["table-order-test"] = site.launch("table-order-test", InstanceType="t3.micro")
    ec2.associate_address(
        AllocationId=ids["address"], InstanceId=ids["table-order-test"], AllowReassociation=True
    )
    ec2.delete_key_pair(KeyName="table-order-key")
    ec2.import_key_pair(KeyName="table-order-key", PublicKeyMaterial=OTHER_KEY.encode())
    assert KEY != OTHER_KEY


def rights(site: Site) -> None:
    iam, secrets = site.client("iam"), site.client("secretsmanager")
    iam.put_role_policy(RoleName=ROLE, PolicyName="by-hand", PolicyDocument=json.dumps(allow("iam:*")))
    iam.put_role_policy(RoleName=ROLE, PolicyName="s3-access", PolicyDocument=json.dumps(allow("s3:*")))
    iam.attach_role_policy(
        RoleName=ROLE, PolicyArn="arn:aws:iam::123456789012:policy/table-order-server-boundary"
    )
    iam.delete_role_permissions_boundary(RoleName=ROLE)
    anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    trust = TRUST | {"Statement": [*TRUST["Statement"], anyone]}
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))
    iam.update_role(RoleName=ROLE, Description="by hand", MaxSessionDuration=43200)
    iam.tag_role(RoleName=ROLE, Tags=OWNER)
    iam.remove_role_from_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)
    iam.tag_instance_profile(InstanceProfileName=ROLE, Tags=OWNER)
    name = "table-order/rds/master"
    everybody = allow("secretsmanager:GetSecretValue")
    everybody["Statement"][0]["Principal"] = "*"
    secrets.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(everybody))
    secrets.update_secret(SecretId=name, Description="by hand", KmsKeyId="alias/aws/s3")
    # AWS asks for a function.
    secret = secretsmanager_backends[ACCOUNT][REGION].secrets[name]
    secret.rotation_requested = secret.rotation_enabled = True
    secrets.tag_resource(SecretId=name, Tags=OWNER)


def bucket(site: Site) -> None:
    s3 = site.client("s3")
    one = {"Bucket": BUCKET}
    s3.put_bucket_policy(
        **one, Policy=json.dumps(BUCKET_POLICY | {"Statement": BUCKET_POLICY["Statement"][:1]})
    )
    s3.delete_public_access_block(**one)
    kms = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(**one, ServerSideEncryptionConfiguration={"Rules": [kms]})
    s3.put_bucket_ownership_controls(
        **one, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    s3.put_bucket_acl(**one, ACL="public-read")
    s3.put_bucket_versioning(**one, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(**one, LifecycleConfiguration={"Rules": [rule]})
    cors = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    s3.put_bucket_cors(**one, CORSConfiguration={"CORSRules": [cors]})
    s3.put_bucket_website(**one, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    s3.create_bucket(
        Bucket="elsewhere-logs",
        CreateBucketConfiguration={"LocationConstraint": REGION},
        ObjectOwnership="ObjectWriter",
    )
    s3.put_bucket_acl(Bucket="elsewhere-logs", ACL="log-delivery-write")
    target = {"TargetBucket": "elsewhere-logs", "TargetPrefix": ""}
    s3.put_bucket_logging(**one, BucketLoggingStatus={"LoggingEnabled": target})
    topic = {"TopicArn": TOPIC_ARN, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        **one, NotificationConfiguration={"TopicConfigurations": [topic]}
    )
    s3.put_bucket_versioning(Bucket="elsewhere-logs", VersioningConfiguration={"Status": "Enabled"})
    replication = {
        "Role": f"arn:aws:iam::123456789012:role/{ROLE}",
        "Rules": [
            {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::elsewhere-logs"}}
        ],
    }
    s3.put_bucket_replication(**one, ReplicationConfiguration=replication)
    s3.put_bucket_accelerate_configuration(**one, AccelerateConfiguration={"Status": "Enabled"})
    s3.delete_bucket_tagging(**one)


def database(site: Site) -> None:
    rds = site.client("rds")
    rds.modify_db_subnet_group(
        DBSubnetGroupName="table-order-db-subnet-group",
        DBSubnetGroupDescription="by hand",
        SubnetIds=[site.ids["table-order-public-subnet"], site.ids[PRIVATE[1]]],
    )
    site.parameters(work_mem="8192", log_min_duration_statement="0")
    arn = f"arn:aws:rds:{REGION}:123456789012"
    for resource in ("subgrp:table-order-db-subnet-group", "pg:table-order-postgres15", "db:table-order-db"):
        rds.add_tags_to_resource(ResourceName=f"{arn}:{resource}", Tags=OWNER)
    rds.create_db_parameter_group(
        DBParameterGroupName="other-group", DBParameterGroupFamily="postgres15", Description="Other"
    )
    rds.modify_db_instance(
        DBInstanceIdentifier="table-order-db",
        ApplyImmediately=True,
        DBInstanceClass="db.t3.large",
        AllocatedStorage=40,
        MaxAllocatedStorage=100,
        StorageType="gp2",
        MultiAZ=True,
        PubliclyAccessible=True,
        BackupRetentionPeriod=1,
        PreferredBackupWindow="20:00-21:00",
        PreferredMaintenanceWindow="tue:04:00-tue:05:00",
        AutoMinorVersionUpgrade=False,
        CopyTagsToSnapshot=False,
        DeletionProtection=False,
        VpcSecurityGroupIds=[site.ids["table-order-ec2-sg"]],
        DBParameterGroupName="other-group",
        MonitoringInterval=60,
        MonitoringRoleArn=f"arn:aws:iam::123456789012:role/{ROLE}",
        EnableIAMDatabaseAuthentication=True,
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["postgresql"]},
    )
    # moto keeps it in no other way.
    rds_backends[ACCOUNT][REGION].databases["table-order-db"].performance_insights_enabled = True


def cache(site: Site) -> None:
    cache = site.client("elasticache")
    cache.modify_cache_subnet_group(
        CacheSubnetGroupName="table-order-redis-subnet-group",
        CacheSubnetGroupDescription="by hand",
        SubnetIds=[site.ids[PRIVATE[0]]],
    )
    cache.modify_replication_group(
        ReplicationGroupId="table-order-redis",
        ApplyImmediately=True,
        ReplicationGroupDescription="by hand",
        CacheNodeType="cache.t3.small",
        CacheParameterGroupName="default.redis7.cluster.on",
        SecurityGroupIds=[site.ids["table-order-rds-sg"]],
        SnapshotRetentionLimit=3,
        AutoMinorVersionUpgrade=False,
    )
    arn = f"arn:aws:elasticache:{REGION}:123456789012:replicationgroup:table-order-redis"
    cache.add_tags_to_resource(ResourceName=arn, Tags=OWNER)


def monitoring(site: Site) -> None:
    logs, sns, alarms = (site.client(name) for name in ("logs", "sns", "cloudwatch"))
    first, second = "/aws/ec2/table-order/fastapi", "/aws/ec2/table-order/nginx"
    logs.delete_retention_policy(logGroupName=first)
    logs.put_retention_policy(logGroupName=second, retentionInDays=30)
    key = f"arn:aws:kms:{REGION}:123456789012:key/11111111-2222-3333-4444-555555555555"
    # moto has no AssociateKmsKey.
    logs_backends[ACCOUNT][REGION].groups[first].kms_key_id = key
    logs.tag_log_group(logGroupName=first, tags={"Owner": "ann"})
    everybody = allow("SNS:Publish", resource=TOPIC_ARN)
    everybody["Statement"][0]["Principal"] = "*"
    for name, value in (
        ("DisplayName", "by hand"),
        ("KmsMasterKeyId", "alias/aws/sns"),
        ("Policy", json.dumps(everybody)),
    ):
        sns.set_topic_attributes(TopicArn=TOPIC_ARN, AttributeName=name, AttributeValue=value)
    for one in sns.list_subscriptions_by_topic(TopicArn=TOPIC_ARN)["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    sns.subscribe(TopicArn=TOPIC_ARN, Protocol="email", Endpoint="somebody@example.net")
    sns.tag_resource(ResourceArn=TOPIC_ARN, Tags=OWNER)
    alarms.disable_alarm_actions(AlarmNames=["table-order-ec2-high-cpu"])
    arn = f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:table-order-ec2-high-cpu"
    alarms.tag_resource(ResourceARN=arn, Tags=OWNER)
    name = "table-order-rds-low-storage"
    changed = {
        "AlarmDescription": "by hand",
        "Namespace": "AWS/EC2",
        "MetricName": "NetworkIn",
        "Statistic": "Maximum",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 1,
        "Period": 60,
        "EvaluationPeriods": 3,
        "TreatMissingData": "breaching",
        "Dimensions": [{"Name": "InstanceId", "Value": site.ids["table-order-test"]}],
        "AlarmActions": [],
        "OKActions": [TOPIC_ARN],
        "InsufficientDataActions": [TOPIC_ARN],
    }
    alarms.put_metric_alarm(AlarmName=name, Tags=pairs(with_name(name)), **alarm_properties(name) | changed)


def beside(site: Site) -> None:
    """Add what belongs to the service by tag, name or network, and what only looks like it."""
    ec2, iam, ids = site.client("ec2"), site.client("iam"), site.ids
    secrets, s3, rds, cache = (site.client(one) for one in ("secretsmanager", "s3", "rds", "elasticache"))
    logs, sns, alarms, ssm = (site.client(one) for one in ("logs", "sns", "cloudwatch", "ssm"))
    vpc_id = ids["table-order-vpc"]
    # Of the service.
    ids["second-vpc"] = ec2.create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=site.tagged("vpc", "table-order-vpc")
    )["Vpc"]["VpcId"]
    ids["subnet"] = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.9.0/24")["Subnet"]["SubnetId"]
    ids["group"] = ec2.create_security_group(GroupName="by-hand", Description="d", VpcId=vpc_id)["GroupId"]
    ids["table"] = ec2.create_route_table(VpcId=vpc_id, TagSpecifications=site.tagged("route-table", "hand"))[
        "RouteTable"
    ]["RouteTableId"]
    ids["gateway"] = ec2.create_internet_gateway(TagSpecifications=site.tagged("internet-gateway", "gate"))[
        "InternetGateway"
    ]["InternetGatewayId"]
    ids["loose"] = ec2.allocate_address(Domain="vpc", TagSpecifications=site.tagged("elastic-ip", "loose"))[
        "AllocationId"
    ]
    ec2.create_key_pair(KeyName="table-order-spare")
    ids["volume"] = ec2.create_volume(
        Size=1, AvailabilityZone=f"{REGION}a", TagSpecifications=site.tagged("volume", "left-over")
    )["VolumeId"]
    iam.create_role(RoleName="table-order-spare", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_instance_profile(InstanceProfileName="table-order-spare")
    secrets.create_secret(Name="table-order/spare", SecretString="hidden")
    s3.create_bucket(Bucket="table-order-spare", CreateBucketConfiguration={"LocationConstraint": REGION})
    rds.create_db_parameter_group(
        DBParameterGroupName="table-order-spare", DBParameterGroupFamily="postgres15", Description="d"
    )
    for client, values in ((rds, "DB"), (cache, "Cache")):
        create = getattr(client, f"create_{values.lower()}_subnet_group")
        create(
            **{f"{values}SubnetGroupName": "table-order-spare", f"{values}SubnetGroupDescription": "d"},
            SubnetIds=site.private(),
        )
    logs.create_log_group(logGroupName="/aws/lambda/table-order-spare")
    sns.create_topic(Name="spare", Tags=pairs(with_name("spare")))
    metric = alarm_properties("table-order-rds-low-storage")
    alarms.put_metric_alarm(AlarmName="table-order-spare", **metric)
    ssm.put_parameter(Name="/spare", Value="x", Type="String", Tags=pairs(with_name("spare")))
    # Not of the service, of another environment, or made by the service or AWS.
    ended = site.launch("table-order-ended")
    ec2.terminate_instances(InstanceIds=[ended])
    staging = pairs({"Name": "table-order-staging-vpc", "Project": "table-order", "Environment": "staging"})
    other_vpc = ec2.create_vpc(
        CidrBlock="10.1.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": staging}]
    )["Vpc"]["VpcId"]
    staging[0] = {"Key": "Name", "Value": "table-order-staging-subnet"}
    other_subnet = ec2.create_subnet(
        VpcId=other_vpc,
        CidrBlock="10.1.0.0/24",
        TagSpecifications=[{"ResourceType": "subnet", "Tags": staging}],
    )["Subnet"]["SubnetId"]
    cache.create_cache_subnet_group(
        CacheSubnetGroupName="table-order-staging-redis-subnet-group",
        CacheSubnetGroupDescription="d",
        SubnetIds=[other_subnet],
    )
    iam.create_role(RoleName="table-orderly", AssumeRolePolicyDocument=json.dumps(TRUST))
    secrets.create_secret(
        Name="table-order/app/feature", SecretString="hidden", Tags=pairs(with_name("feature"))
    )
    for parameter in ("lock/provision/7", "done/scale/1", "procedure/scale", "release", "releases"):
        ssm.put_parameter(
            Name=f"/table-order/{parameter}", Value="x", Type="String", Tags=pairs(with_name(parameter))
        )
    rds.create_db_snapshot(
        DBInstanceIdentifier="table-order-db",
        DBSnapshotIdentifier="table-order-db-before",
        Tags=pairs(with_name("before")),
    )


# Type, name, part of the reason.
UNMANAGED = {
    ("AWS::CloudWatch::Alarm", "table-order-spare", "name begins"),
    ("AWS::EC2::EIP", "loose", "has the tags"),
    ("AWS::EC2::Instance", "table-order-test", "has the tags"),
    ("AWS::EC2::InternetGateway", "gate", "has the tags"),
    ("AWS::EC2::KeyPair", "table-order-spare", "name begins"),
    ("AWS::EC2::RouteTable", "hand", "has the tags"),
    ("AWS::EC2::SecurityGroup", "by-hand", "belongs to table-order-vpc"),
    ("AWS::EC2::Subnet", "subnet", "belongs to table-order-vpc"),
    ("AWS::EC2::VPC", "table-order-vpc", "a second table-order-vpc"),
    ("AWS::EC2::Volume", "/dev/sdf", "attached to table-order-app-server as /dev/sdf"),
    ("AWS::ElastiCache::SubnetGroup", "table-order-spare", "name begins"),
    ("AWS::IAM::InstanceProfile", "table-order-spare", "name begins"),
    ("AWS::IAM::Role", "table-order-spare", "name begins"),
    ("AWS::Logs::LogGroup", "/aws/lambda/table-order-spare", "name begins"),
    ("AWS::RDS::DBParameterGroup", "table-order-spare", "name begins"),
    ("AWS::RDS::DBSubnetGroup", "table-order-spare", "name begins"),
    ("AWS::S3::Bucket", "table-order-spare", "name begins"),
    ("AWS::SNS::Subscription", "somebody@example.net", "subscribes to table-order-alarms"),
    ("AWS::SNS::Topic", "spare", "has the tags"),
    ("AWS::SecretsManager::Secret", "table-order/spare", "name begins"),
    ("ec2:volume", "volume", "has the tags"),
    ("ssm:parameter", "spare", "has the tags"),
    ("ssm:parameter", "table-order/releases", "has the tags"),
}


def ending(site: Site) -> None:
    """Let the site's parts end, as AWS shows it."""
    ec2 = site.client("ec2")
    instance_id = site.ids["table-order-app-server"]
    ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[instance_id])
    site.client("secretsmanager").delete_secret(SecretId="table-order/app/settings", RecoveryWindowInDays=7)
    site.client("cloudwatch").delete_alarms(AlarmNames=["table-order-ec2-high-cpu"])
    site.client("sns").delete_topic(TopicArn=TOPIC_ARN)
    # A change that waits for the window, and AWS's own maintenance.
    site.client("rds").modify_db_instance(
        DBInstanceIdentifier="table-order-db", DBInstanceClass="db.t3.medium"
    )
    rds_backends[ACCOUNT][REGION].databases["table-order-db"].pending_maintenance = [
        {"Action": "system-update", "AutoAppliedAfterDate": "2026-12-07T04:00:00Z"}
    ]
