"""Every rule: silent about a good first run, and heard when one call of it is the seed's literal or naive."""

import copy
import json

import pytest

from tests.aws_rules import RULES, Call, Calls, check, writes

BUCKET = "table-order-menu-images-123456789012"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"
ROLE_ARN = "arn:aws:iam::123456789012:role/table-order-ec2-role"
TOPIC_ARN = "arn:aws:sns:ap-northeast-2:123456789012:table-order-alarms"
BUCKET_POLICY = {
    "Statement": [
        {
            "Sid": "Server",
            "Effect": "Allow",
            "Principal": {"AWS": ROLE_ARN},
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": f"{BUCKET_ARN}/*",
        },
        {
            "Sid": "NobodyElse",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": f"{BUCKET_ARN}/*",
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": [ROLE_ARN]}},
        },
        {
            "Sid": "Tls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [BUCKET_ARN, f"{BUCKET_ARN}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
}
ROLE_POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"{BUCKET_ARN}/*"},
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            "Resource": "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/ec2/table-order/*",
        },
        {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": "CWAgent"}},
        },
        {"Effect": "Allow", "Action": ["ec2:DescribeTags", "ec2:DescribeVolumes"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:table-order/app/*",
        },
    ]
}


def ingress(*ports, cidr=None, description="x", group="sg-1", last=None):
    source = (
        {"IpRanges": [{"CidrIp": cidr, "Description": description}]}
        if cidr
        else {"UserIdGroupPairs": [{"GroupId": "sg-1", "Description": description}]}
    )
    return {
        "GroupId": group,
        "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": last or port} | source for port in ports
        ],
    }


def alarm(namespace, metric, dimension, value, **more):
    return {
        "AlarmName": f"table-order-{metric}",
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": dimension, "Value": value}],
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Statistic": "Average",
        "AlarmActions": [TOPIC_ARN],
    } | more


# A first run that AWS accepts, each call under its own name.
GOOD = {
    "vpc": ("ec2:CreateVpc", {"CidrBlock": "10.0.0.0/16"}),
    "public": ("ec2:CreateSubnet", {"CidrBlock": "10.0.1.0/24", "AvailabilityZone": "ap-northeast-2a"}),
    "private": ("ec2:CreateSubnet", {"CidrBlock": "10.0.2.0/24", "AvailabilityZone": "ap-northeast-2a"}),
    "second": ("ec2:CreateSubnet", {"CidrBlock": "10.0.3.0/24", "AvailabilityZone": "ap-northeast-2c"}),
    "route": ("ec2:CreateRoute", {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}),
    "server group": (
        "ec2:CreateSecurityGroup",
        {"GroupName": "table-order-ec2-sg", "Description": "Server"},
    ),
    "database group": (
        "ec2:CreateSecurityGroup",
        {"GroupName": "table-order-rds-sg", "Description": "Database"},
    ),
    "no egress": ("ec2:RevokeSecurityGroupEgress", {"GroupId": "sg-2"}),
    "ssh": (
        "ec2:AuthorizeSecurityGroupIngress",
        ingress(22, cidr="203.0.113.5/32", description="SSH (operator)"),
    ),
    "http": ("ec2:AuthorizeSecurityGroupIngress", ingress(80, cidr="0.0.0.0/0")),
    "postgresql": ("ec2:AuthorizeSecurityGroupIngress", ingress(5432, group="sg-2")),
    "role": ("iam:CreateRole", {"RoleName": "table-order-ec2-role", "Description": "Server"}),
    "role policy": ("iam:PutRolePolicy", {"PolicyDocument": json.dumps(ROLE_POLICY)}),
    "profile": ("iam:CreateInstanceProfile", {"InstanceProfileName": "table-order-ec2-role"}),
    "profile role": ("iam:AddRoleToInstanceProfile", {"InstanceProfileName": "table-order-ec2-role"}),
    "master secret": ("secretsmanager:CreateSecret", {"Name": "table-order/rds/master"}),
    "app secret": ("secretsmanager:CreateSecret", {"Name": "table-order/app/database"}),
    "bucket": (
        "s3:CreateBucket",
        {"Bucket": BUCKET, "CreateBucketConfiguration": {"LocationConstraint": "ap-northeast-2"}},
    ),
    "ownership": (
        "s3:PutBucketOwnershipControls",
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
    ),
    "no public access": (
        "s3:PutPublicAccessBlock",
        {
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            }
        },
    ),
    "bucket encryption": (
        "s3:PutBucketEncryption",
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            }
        },
    ),
    "bucket policy": ("s3:PutBucketPolicy", {"Bucket": BUCKET, "Policy": json.dumps(BUCKET_POLICY)}),
    "database subnets": ("rds:CreateDBSubnetGroup", {"SubnetIds": ["subnet-1", "subnet-2"]}),
    "parameter group": ("rds:CreateDBParameterGroup", {"DBParameterGroupFamily": "postgres15"}),
    "parameters": (
        "rds:ModifyDBParameterGroup",
        {
            "DBParameterGroupName": "table-order-postgres15",
            "Parameters": [
                {
                    "ParameterName": "max_connections",
                    "ParameterValue": "100",
                    "ApplyMethod": "pending-reboot",
                },
                {
                    "ParameterName": "shared_buffers",
                    "ParameterValue": "32768",
                    "ApplyMethod": "pending-reboot",
                },
                {"ParameterName": "work_mem", "ParameterValue": "4096", "ApplyMethod": "pending-reboot"},
            ],
        },
    ),
    "database": (
        "rds:CreateDBInstance",
        {
            "DBInstanceIdentifier": "table-order-db",
            "DBName": "tableorder",
            "MasterUsername": "tableorder_admin",
            "MasterUserPassword": "Abcdefgh12345678",
            "Engine": "postgres",
            "EngineVersion": "15",
            "AllocatedStorage": 20,
            "StorageType": "gp3",
            "StorageEncrypted": True,
            "PubliclyAccessible": False,
            "AvailabilityZone": "ap-northeast-2a",
            "PreferredBackupWindow": "03:00-04:00",
            "PreferredMaintenanceWindow": "mon:04:00-mon:05:00",
            "BackupRetentionPeriod": 7,
            "DeletionProtection": True,
            "VpcSecurityGroupIds": ["sg-2"],
        },
    ),
    "cache": (
        "elasticache:CreateReplicationGroup",
        {
            "ReplicationGroupId": "table-order-redis",
            "Engine": "redis",
            "EngineVersion": "7.1",
            "NumCacheClusters": 1,
            "PreferredCacheClusterAZs": ["ap-northeast-2a"],
            "CacheParameterGroupName": "default.redis7",
            "SecurityGroupIds": ["sg-3"],
        },
    ),
    "key": ("ec2:ImportKeyPair", {"KeyName": "table-order-key"}),
    "server": (
        "ec2:RunInstances",
        {
            "ImageId": "ami-1",
            "MaxCount": 1,
            "IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/table-order-ec2-role"},
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "Encrypted": True}},
            ],
            "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "table-order-app-server"}]}
            ],
        },
    ),
    "topic": ("sns:CreateTopic", {"Name": "table-order-alarms"}),
    "log group": ("logs:CreateLogGroup", {"logGroupName": "/aws/ec2/table-order/nginx"}),
    "retention": (
        "logs:PutRetentionPolicy",
        {"logGroupName": "/aws/ec2/table-order/nginx", "retentionInDays": 7},
    ),
    "processor": ("cloudwatch:PutMetricAlarm", alarm("AWS/EC2", "CPUUtilization", "InstanceId", "i-1")),
    "storage": (
        "cloudwatch:PutMetricAlarm",
        alarm(
            "AWS/RDS",
            "FreeStorageSpace",
            "DBInstanceIdentifier",
            "table-order-db",
            Threshold=2147483648.0,
            ComparisonOperator="LessThanThreshold",
        ),
    ),
    "cache alarm": (
        "cloudwatch:PutMetricAlarm",
        alarm("AWS/ElastiCache", "CPUUtilization", "CacheClusterId", "table-order-redis-001"),
    ),
}
FIRST_DISK = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 30, "Encrypted": True}}


def parameter(name, value, method="pending-reboot"):
    return {"Parameters": [{"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}]}


def bucket_statement(**changes):
    policy = copy.deepcopy(BUCKET_POLICY)
    policy["Statement"][1] |= changes
    return {"Policy": json.dumps(policy)}


def bucket_policy(statements):
    return {"Policy": json.dumps({"Statement": statements})}


def role_statement(action, resource):
    extra = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {"PolicyDocument": json.dumps({"Statement": [*ROLE_POLICY["Statement"], extra]})}


# Rule, call of GOOD, what is otherwise in it: the seed's literal, or what one would write without knowing.
# None for the parameters takes the call away, a pair (name, parameters) puts another call after it.
BAD = [
    (
        "group_texts_are_in_aws_character_set",
        "ssh",
        ingress(22, cidr="203.0.113.5/32", description="Operator's SSH"),
    ),
    ("group_texts_are_in_aws_character_set", "server group", {"Description": "서버"}),
    ("group_texts_are_in_aws_character_set", "server group", {"GroupName": "sg-ec2"}),
    (
        "the_local_route_is_never_created",
        "route",
        {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"},
    ),
    ("the_local_route_is_never_created", "route", {"DestinationCidrBlock": "10.0.2.0/24"}),
    ("the_local_route_is_never_created", "route", {"GatewayId": "local"}),
    ("the_local_route_is_never_created", "route", {"GatewayId": "vgw-1"}),
    ("subnets_are_inside_the_vpc_and_apart", "second", {"CidrBlock": "10.1.3.0/24"}),
    ("subnets_are_inside_the_vpc_and_apart", "second", {"CidrBlock": "10.0.2.128/25"}),
    ("subnets_span_two_zones", "second", {"AvailabilityZone": "ap-northeast-2a"}),
    ("subnets_span_two_zones", "second", {"AvailabilityZone": None}),
    ("database_and_cache_groups_lose_their_egress", "no egress", None),
    ("ssh_is_open_to_a_range_that_means_itself", "ssh", ingress(22, cidr="0.0.0.0/0")),
    ("ssh_is_open_to_a_range_that_means_itself", "ssh", ingress(22, cidr="203.0.113.5/24")),
    ("two_ports_at_most_are_open_to_the_world", "http", ingress(80, 443, 8000, cidr="0.0.0.0/0")),
    ("two_ports_at_most_are_open_to_the_world", "http", ingress(80, cidr="0.0.0.0/0", last=443)),
    (
        "database_and_cache_are_open_to_a_group_only",
        "postgresql",
        ingress(5432, cidr="10.0.0.0/16", group="sg-2"),
    ),
    (
        "database_and_cache_are_open_to_a_group_only",
        "postgresql",
        ingress(6379, cidr="10.0.1.0/24", group="sg-2"),
    ),
    ("the_instance_profile_exists_before_the_server", "vpc", GOOD["server"]),
    ("the_instance_profile_exists_before_the_server", "server", {"IamInstanceProfile": {}}),
    (
        "a_newer_image_makes_no_second_server",
        "server",
        ("ec2:RunInstances", GOOD["server"][1] | {"ImageId": "ami-2"}),
    ),
    ("a_newer_image_makes_no_second_server", "server", {"MaxCount": 2}),
    ("the_root_disk_is_the_image_s_own", "server", {"BlockDeviceMappings": [FIRST_DISK]}),
    ("the_root_disk_is_the_image_s_own", "server", {"BlockDeviceMappings": []}),
    (
        "disks_are_encrypted",
        "server",
        {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30}}]},
    ),
    ("metadata_wants_a_token", "server", {"MetadataOptions": {"HttpTokens": "optional"}}),
    ("metadata_wants_a_token", "server", {"MetadataOptions": {}}),
    ("metadata_wants_a_token", "server", ("ec2:ModifyInstanceMetadataOptions", {"HttpTokens": "optional"})),
    ("the_key_pair_is_imported", "key", ("ec2:CreateKeyPair", {"KeyName": "table-order-key"})),
    ("the_database_subnet_group_names_two_subnets", "database subnets", {"SubnetIds": ["subnet-1"]}),
    ("the_master_user_is_no_reserved_word", "database", {"MasterUsername": "admin"}),
    ("the_master_user_is_no_reserved_word", "database", {"MasterUsername": "pg_owner"}),
    ("the_master_user_is_no_reserved_word", "database", {"MasterUsername": "tableorder_admins"}),
    ("the_database_name_is_legal", "database", {"DBName": "table-order"}),
    ("the_database_name_is_legal", "database", {"DBName": "db"}),
    ("a_small_gp3_has_no_iops", "database", {"Iops": 3000, "StorageThroughput": 125}),
    ("a_small_gp3_has_no_iops", "database", {"StorageThroughput": 125}),
    ("the_password_is_one_rds_takes", "database", {"MasterUserPassword": 'a@/" bcdef'}),
    ("the_password_is_one_rds_takes", "database", {"MasterUserPassword": "short"}),
    ("the_password_is_one_rds_takes", "database", {"MasterUserPassword": "p@sswordlong"}),
    ("parameters_are_in_the_engine_s_units", "parameters", parameter("shared_buffers", "256MB")),
    ("parameters_are_in_the_engine_s_units", "parameters", parameter("work_mem", "4MB")),
    ("parameters_fit_the_instance", "parameters", parameter("shared_buffers", "268435456")),
    ("parameters_fit_the_instance", "parameters", parameter("work_mem", "4194304")),
    ("static_parameters_wait_for_a_reboot", "parameters", parameter("max_connections", "100", "immediate")),
    (
        "at_most_twenty_parameters_a_request",
        "parameters",
        {"Parameters": [*GOOD["parameters"][1]["Parameters"]] * 7},
    ),
    ("the_parameter_family_is_the_engine_s", "parameter group", {"DBParameterGroupFamily": "postgres99"}),
    ("the_parameter_family_is_the_engine_s", "parameter group", {"DBParameterGroupFamily": "postgres"}),
    ("the_parameter_family_is_the_engine_s", "parameters", {"DBParameterGroupName": "default.postgres15"}),
    ("postgresql_has_no_character_set_option", "database", {"CharacterSetName": "UTF8"}),
    ("the_engine_version_is_a_major_one_at_creation", "database", {"EngineVersion": "15.x"}),
    ("the_engine_version_is_a_major_one_at_creation", "database", {"EngineVersion": "15.4"}),
    (
        "a_rerun_does_not_touch_the_engine_version",
        "database",
        ("rds:ModifyDBInstance", {"EngineVersion": "15"}),
    ),
    ("the_database_is_encrypted", "database", {"StorageEncrypted": None}),
    ("the_database_is_not_public", "database", {"PubliclyAccessible": None}),
    ("the_database_is_not_public", "database", ("rds:ModifyDBInstance", {"PubliclyAccessible": True})),
    ("a_single_zone_database_is_pinned_to_its_zone", "database", {"AvailabilityZone": None}),
    ("a_single_zone_database_is_pinned_to_its_zone", "database", {"MultiAZ": True}),
    ("the_windows_are_the_seed_s", "database", {"PreferredMaintenanceWindow": "mon:04:01-mon:05:01"}),
    ("the_windows_are_the_seed_s", "database", {"PreferredBackupWindow": "04:00-05:00"}),
    ("backups_are_kept_and_deletion_is_protected", "database", {"BackupRetentionPeriod": 99}),
    ("backups_are_kept_and_deletion_is_protected", "database", {"BackupRetentionPeriod": 1}),
    ("backups_are_kept_and_deletion_is_protected", "database", {"DeletionProtection": False}),
    (
        "a_single_cluster_has_no_encryption_nor_replicas",
        "cache",
        (
            "elasticache:CreateCacheCluster",
            {"Engine": "redis", "EngineVersion": "7.1", "TransitEncryptionEnabled": True},
        ),
    ),
    (
        "a_single_cluster_has_no_encryption_nor_replicas",
        "cache",
        ("elasticache:CreateCacheCluster", {"Engine": "redis", "EngineVersion": "7.1", "NumCacheNodes": 3}),
    ),
    (
        "a_single_cluster_has_no_encryption_nor_replicas",
        "cache",
        ("elasticache:CreateCacheCluster", {"Engine": "valkey", "EngineVersion": "8.0"}),
    ),
    ("the_redis_version_exists", "cache", {"EngineVersion": "7.x"}),
    ("the_redis_version_exists", "cache", {"EngineVersion": "7.2"}),
    ("the_parameter_group_is_for_redis_7", "cache", {"CacheParameterGroupName": "default.redis6.x"}),
    ("a_password_needs_tls", "cache", {"AuthToken": "x" * 16}),
    ("failover_needs_a_replica", "cache", {"AutomaticFailoverEnabled": True}),
    ("the_cache_is_pinned_to_its_zones", "cache", {"PreferredCacheClusterAZs": None}),
    ("the_group_s_name_is_legal", "cache", {"ReplicationGroupId": "table_order_redis"}),
    ("the_group_s_name_is_legal", "cache", {"ReplicationGroupId": "table-order-" + "r" * 30}),
    (
        "a_rerun_does_not_touch_the_redis_version",
        "cache",
        ("elasticache:ModifyReplicationGroup", {"EngineVersion": "7.1"}),
    ),
    ("the_bucket_s_name_is_resolved", "bucket", {"Bucket": "table-order-menu-images-{account-id}"}),
    ("the_bucket_s_name_is_resolved", "bucket", {"Bucket": "table-order-menu-images"}),
    ("a_bucket_outside_virginia_says_where", "bucket", {"CreateBucketConfiguration": {}}),
    ("the_bucket_policy_locks_nobody_out", "bucket policy", bucket_statement(Action="s3:*")),
    (
        "the_bucket_policy_locks_nobody_out",
        "bucket policy",
        bucket_statement(Action=["s3:*Object", "s3:List*"]),
    ),
    ("the_bucket_policy_locks_nobody_out", "bucket policy", bucket_statement(Action="s3:PutBucketPolicy")),
    ("the_bucket_policy_locks_nobody_out", "bucket policy", bucket_statement(NotPrincipal={"AWS": ROLE_ARN})),
    (
        "the_bucket_policy_is_about_this_bucket",
        "bucket policy",
        bucket_statement(Resource="arn:aws:s3:::table-order-menu-images-*/*"),
    ),
    ("the_role_exists_before_the_policy_that_names_it", "vpc", GOOD["bucket policy"]),
    ("no_access_control_list_is_set", "bucket", {"ACL": "private"}),
    ("no_access_control_list_is_set", "bucket", ("s3:PutBucketAcl", {"ACL": "private"})),
    (
        "public_access_is_blocked_four_times",
        "no public access",
        {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
    ),
    (
        "the_bucket_belongs_to_its_owner",
        "ownership",
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
    ),
    (
        "the_bucket_is_encrypted_as_the_seed_says",
        "bucket encryption",
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
            }
        },
    ),
    (
        "the_role_s_bucket_is_named_exactly",
        "role policy",
        role_statement("s3:GetObject", "arn:aws:s3:::table-order-menu-images-*/*"),
    ),
    (
        "the_role_reads_the_application_s_secrets_only",
        "role policy",
        role_statement(
            ["secretsmanager:GetSecretValue"],
            "arn:aws:secretsmanager:ap-northeast-2:*:secret:table-order/*",
        ),
    ),
    (
        "the_role_has_what_the_agent_needs",
        "role policy",
        {"PolicyDocument": json.dumps({"Statement": ROLE_POLICY["Statement"][:3]})},
    ),
    (
        "actions_without_resources_are_allowed_on_all",
        "role policy",
        role_statement("ec2:DescribeTags", "arn:aws:ec2:ap-northeast-2:123456789012:instance/*"),
    ),
    ("the_role_may_not_do_everything", "role policy", role_statement("s3:*", f"{BUCKET_ARN}/*")),
    ("iam_texts_are_latin", "role", {"Description": "서버"}),
    ("secrets_are_named_below_the_project", "app secret", {"Name": "table-order-db"}),
    ("secrets_are_named_below_the_project", "app secret", {"Name": "table-order/app/super-secret"}),
    (
        "the_master_password_is_not_among_the_application_s_secrets",
        "master secret",
        {"Name": "table-order/app/rds"},
    ),
    (
        "a_secret_is_written_once",
        "app secret",
        ("secretsmanager:PutSecretValue", {"SecretId": "table-order/app/database", "SecretString": "x"}),
    ),
    (
        "a_secret_is_written_once",
        "app secret",
        ("secretsmanager:UpdateSecret", {"SecretId": "table-order/app/database", "SecretString": "x"}),
    ),
    ("retention_is_a_legal_number_of_days", "retention", {"retentionInDays": 6}),
    ("every_log_group_gets_a_retention", "retention", None),
    ("log_groups_are_not_deleted", "log group", ("logs:DeleteLogGroup", {"logGroupName": "x"})),
    ("alarms_use_metrics_that_a_t3_has", "processor", {"MetricName": "DiskReadBytes"}),
    ("the_period_is_legal", "cache alarm", {"Period": 45}),
    ("the_period_suits_basic_monitoring", "processor", {"Period": 60}),
    ("free_storage_is_in_bytes", "storage", {"Threshold": 2.0}),
    ("free_storage_is_in_bytes", "storage", {"ComparisonOperator": "GreaterThanThreshold"}),
    ("alarms_give_no_unit", "storage", {"Unit": "Gigabytes"}),
    (
        "alarms_have_dimensions_that_exist",
        "cache alarm",
        {"Dimensions": [{"Name": "CacheClusterId", "Value": "table-order-redis"}]},
    ),
    ("alarms_have_dimensions_that_exist", "processor", {"Dimensions": []}),
    ("alarms_tell_somebody", "processor", {"AlarmActions": []}),
    (
        "alarms_notify_a_topic_of_their_region",
        "processor",
        {"AlarmActions": [TOPIC_ARN.replace("ap-northeast-2", "us-east-1")]},
    ),
    ("alarms_notify_a_topic_of_their_region", "processor", {"AlarmActions": [f"{TOPIC_ARN}-of-others"]}),
    (
        "the_topic_s_key_lets_alarms_in",
        "topic",
        {"Attributes": {"KmsMasterKeyId": "alias/aws/sns"}},
    ),
    (
        "the_topic_s_key_lets_alarms_in",
        "topic",
        ("sns:SetTopicAttributes", {"AttributeName": "KmsMasterKeyId", "AttributeValue": "alias/aws/sns"}),
    ),
    ("a_failed_status_check_is_noticed_when_silent", "processor", {"MetricName": "StatusCheckFailed"}),
    ("what_protects_a_bucket_is_set_or_compared", "no public access", None),
    ("what_protects_a_bucket_is_set_or_compared", "bucket encryption", None),
    ("what_protects_a_bucket_is_set_or_compared", "ownership", None),
    ("the_bucket_gets_its_policy", "bucket policy", None),
    ("the_bucket_gets_its_policy", "bucket policy", bucket_policy(BUCKET_POLICY["Statement"][:2])),
    ("the_bucket_gets_its_policy", "bucket policy", bucket_policy(BUCKET_POLICY["Statement"][::2])),
    ("every_group_gets_its_rules", "postgresql", None),
    ("database_and_cache_are_in_a_group", "database", {"VpcSecurityGroupIds": None}),
    ("database_and_cache_are_in_a_group", "cache", {"SecurityGroupIds": None}),
    ("a_parameter_group_gets_its_parameters", "parameters", None),
    ("the_profile_holds_the_role", "profile role", None),
    ("server_and_database_are_watched", "processor", None),
    ("server_and_database_are_watched", "storage", None),
    (
        "a_deleted_secret_can_be_brought_back",
        "app secret",
        ("secretsmanager:DeleteSecret", {"SecretId": "x", "ForceDeleteWithoutRecovery": True}),
    ),
    (
        "a_deleted_secret_can_be_brought_back",
        "app secret",
        ("secretsmanager:DeleteSecret", {"SecretId": "x", "RecoveryWindowInDays": 6}),
    ),
]


def calls_of(run):
    return Calls(Call(*name.split(":"), parameters) for name, parameters in run)


def changed_run(place, change):
    """Return the good run with one call changed, taken away, or followed by another."""
    run = []
    for name, (action, parameters) in GOOD.items():
        if name != place:
            run.append((action, parameters))
        elif isinstance(change, tuple):
            run += [(action, parameters), change]
        elif change is not None:
            merged = {key: value for key, value in (parameters | change).items() if value is not None}
            run.append((action, merged))
    return calls_of(run)


def test_a_good_first_run_breaks_nothing():
    assert check(calls_of(GOOD.values())) == []


@pytest.mark.parametrize(("rule", "place", "change"), BAD)
def test_the_seed_s_literal_or_the_naive_value_breaks_the_rule(rule, place, change):
    violations = check(changed_run(place, change))
    assert {violation.rule.name for violation in violations} == {rule}
    assert RULES[rule].because in str(violations[0])


def test_every_rule_has_been_seen_to_fail():
    assert {rule for rule, _place, _change in BAD} == set(RULES)


def test_an_empty_run_breaks_nothing():
    assert check(Calls()) == []


def test_writes_are_what_is_not_a_read():
    reads = ["ec2:DescribeVpcs", "iam:GetRole", "s3:HeadBucket", "logs:FilterLogEvents", "sts:AssumeRole"]
    reads += ["s3:ListObjectsV2", "sts:GetCallerIdentity", "secretsmanager:BatchGetSecretValue"]
    made = [
        "ec2:CreateVpc",
        "s3:PutObject",
        "logs:DeleteLogGroup",
        "rds:StartDBInstance",
        "ec2:ImportKeyPair",
    ]
    calls = calls_of((name, {}) for name in reads + made)
    assert [call.name for call in writes(calls)] == made
