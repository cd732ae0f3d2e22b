"""A finished site in moto, made with boto3 alone, and its descriptions as the roles give them."""

from __future__ import annotations

import json

REGION, ACCOUNT = "ap-northeast-2", "123456789012"
TAGS = {"Project": "table-order", "Environment": "production", "ManagedBy": "ansible"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGr3cHlVoXDBc7BE0rk8ehd5fY2AT3tbmEsLl3MtPiAq table-order-key"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIb3Nf1BBpBqGm0rZpT5xYJ5zCkQSoYhFmwwG8xgPwzQ somebody"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
BUCKET = f"table-order-menu-images-{ACCOUNT}"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/table-order-ec2-role"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/table-order-server-boundary"
TOPIC_ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:table-order-alarms"


def allow(*actions: str, resource: str | list[str] = "*") -> dict:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


S3_ACCESS = allow("s3:GetObject", "s3:PutObject", resource=f"arn:aws:s3:::{BUCKET}/*")
LOGS = allow(
    "logs:PutLogEvents", resource=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/ec2/table-order/*"
)
BUCKET_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ServerUsesObjects",
            "Effect": "Allow",
            "Principal": {"AWS": ROLE_ARN},
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        },
        {
            "Sid": "TransportIsEncrypted",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ],
}
BLOCK = dict.fromkeys(
    ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
)
AES = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
METADATA = {
    "HttpEndpoint": "enabled",
    "HttpTokens": "required",
    "HttpPutResponseHopLimit": 1,
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}
SECRETS = {
    "table-order/rds/master": "Master user of the database",
    "table-order/app/settings": "Signing key and first administrator of the application",
}
SUBNETS = {
    "table-order-public-subnet": ("10.0.1.0/24", "a", True),
    "table-order-private-subnet": ("10.0.2.0/24", "a", False),
    "table-order-private-subnet-b": ("10.0.3.0/24", "c", False),
}
PRIVATE = ["table-order-private-subnet", "table-order-private-subnet-b"]


def with_name(name: str) -> dict[str, str]:
    return TAGS | {"Name": name}


def one(kind: str, name: str, **properties: object) -> dict:
    return {"type": f"AWS::{kind}", "name": name, "properties": {**properties, "Tags": with_name(name)}}


def rule(port: int, description: str, **source: str) -> dict:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source, "Description": description}


def described() -> list[dict]:
    """Return the descriptions of the whole site."""
    vpc = {"VpcId": "table-order-vpc"}
    return [
        one(
            "EC2::VPC",
            "table-order-vpc",
            CidrBlock="10.0.0.0/16",
            EnableDnsSupport=True,
            EnableDnsHostnames=True,
            InstanceTenancy="default",
        ),
        *(
            one(
                "EC2::Subnet",
                name,
                **vpc,
                CidrBlock=cidr,
                AvailabilityZone=f"{REGION}{zone}",
                MapPublicIpOnLaunch=public,
            )
            for name, (cidr, zone, public) in SUBNETS.items()
        ),
        one("EC2::InternetGateway", "table-order-igw", **vpc),
        one(
            "EC2::RouteTable",
            "table-order-public-rt",
            **vpc,
            Routes=[{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "table-order-igw"}],
            SubnetIds=["table-order-public-subnet"],
        ),
        one("EC2::RouteTable", "table-order-private-rt", **vpc, Routes=[], SubnetIds=PRIVATE),
        one(
            "EC2::SecurityGroup",
            "table-order-ec2-sg",
            **vpc,
            GroupName="table-order-ec2-sg",
            GroupDescription="Table Order application server",
            SecurityGroupIngress=[
                rule(22, "SSH access from developer IP", CidrIp="203.0.113.5/32"),
                rule(80, "HTTP access for Nginx", CidrIp="0.0.0.0/0"),
            ],
            SecurityGroupEgress=[
                {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0", "Description": "Allow all outbound traffic"}
            ],
        ),
        *(
            one(
                "EC2::SecurityGroup",
                f"table-order-{name}-sg",
                **vpc,
                GroupName=f"table-order-{name}-sg",
                GroupDescription=f"Table Order {name}",
                SecurityGroupIngress=[
                    rule(port, "From EC2 only", SourceSecurityGroupId="table-order-ec2-sg")
                ],
                SecurityGroupEgress=[],
            )
            for name, port in (("rds", 5432), ("redis", 6379))
        ),
        one(
            "IAM::Role",
            "table-order-ec2-role",
            Path="/",
            Description="What the server may do",
            MaxSessionDuration=3600,
            AssumeRolePolicyDocument=TRUST,
            PermissionsBoundary=BOUNDARY,
            Policies=[
                {"PolicyName": "s3-access", "PolicyDocument": S3_ACCESS},
                {"PolicyName": "cloudwatch-logs", "PolicyDocument": LOGS},
            ],
            ManagedPolicyArns=[],
        ),
        one("IAM::InstanceProfile", "table-order-ec2-role", Path="/", Roles=["table-order-ec2-role"]),
        *(
            one(
                "SecretsManager::Secret",
                name,
                Description=text,
                KmsKeyId="",
                ResourcePolicy={},
                RotationEnabled=False,
            )
            for name, text in SECRETS.items()
        ),
        one("EC2::KeyPair", "table-order-key", KeyType="ed25519", PublicKeyMaterial=KEY),
        one(
            "EC2::Instance",
            "table-order-app-server",
            ImageId={"known_after_apply": "latest image"},
            InstanceType="t3.medium",
            KeyName="table-order-key",
            SubnetId="table-order-public-subnet",
            SecurityGroupIds=["table-order-ec2-sg"],
            IamInstanceProfile="table-order-ec2-role",
            Monitoring=False,
            CreditSpecification={"CPUCredits": "standard"},
            MetadataOptions=METADATA,
            BlockDeviceMappings=[
                {
                    "DeviceName": "/dev/xvda",
                    "Ebs": {
                        "VolumeSize": 30,
                        "VolumeType": "gp3",
                        "Encrypted": True,
                        "DeleteOnTermination": True,
                    },
                }
            ],
            DisableApiTermination=False,
            SourceDestCheck=True,
            State="running",
        ),
        one("EC2::EIP", "table-order-app-server", Domain="vpc", InstanceId="table-order-app-server"),
        one(
            "S3::Bucket",
            BUCKET,
            AccessControl="Private",
            BucketPolicy=BUCKET_POLICY,
            PublicAccessBlockConfiguration=BLOCK,
            BucketEncryption={"ServerSideEncryptionConfiguration": [AES]},
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            VersioningConfiguration={},
            LifecycleConfiguration={},
            CorsConfiguration={},
            WebsiteConfiguration={},
            LoggingConfiguration={},
            NotificationConfiguration={},
            ReplicationConfiguration={},
            AccelerateConfiguration={},
        ),
        one(
            "RDS::DBSubnetGroup",
            "table-order-db-subnet-group",
            DBSubnetGroupDescription="Private subnets",
            SubnetIds=PRIVATE,
        ),
        one(
            "RDS::DBParameterGroup",
            "table-order-postgres15",
            Family="postgres15",
            Description="Table Order database",
            Parameters={"max_connections": 100, "work_mem": 4096},
        ),
        one(
            "RDS::DBInstance",
            "table-order-db",
            Engine="postgres",
            EngineVersion="15",
            DBInstanceClass="db.t3.small",
            AllocatedStorage=20,
            MaxAllocatedStorage="",
            StorageType="gp3",
            StorageEncrypted=True,
            DBName="tableorder",
            MasterUsername="tableorder_admin",
            Port=5432,
            AvailabilityZone=f"{REGION}a",
            MultiAZ=False,
            PubliclyAccessible=False,
            DBSubnetGroupName="table-order-db-subnet-group",
            DBParameterGroupName="table-order-postgres15",
            VPCSecurityGroups=["table-order-rds-sg"],
            BackupRetentionPeriod=7,
            PreferredBackupWindow="03:00-04:00",
            PreferredMaintenanceWindow="Mon:04:00-Mon:05:00",
            AutoMinorVersionUpgrade=True,
            CopyTagsToSnapshot=True,
            DeletionProtection=True,
            MonitoringInterval=0,
            EnablePerformanceInsights=False,
            EnableIAMDatabaseAuthentication=False,
            EnableCloudwatchLogsExports=[],
        ),
        {
            "type": "AWS::ElastiCache::SubnetGroup",
            "name": "table-order-redis-subnet-group",
            "properties": {"Description": "Private subnets", "SubnetIds": PRIVATE},
        },
        one(
            "ElastiCache::ReplicationGroup",
            "table-order-redis",
            ReplicationGroupDescription="Order events",
            Engine="redis",
            EngineVersion="7.1",
            CacheNodeType="cache.t3.micro",
            NumCacheClusters=1,
            Port=6379,
            CacheParameterGroupName="default.redis7",
            CacheSubnetGroupName="table-order-redis-subnet-group",
            SecurityGroupIds=["table-order-redis-sg"],
            PreferredCacheClusterAZs=[f"{REGION}a"],
            SnapshotRetentionLimit=0,
            TransitEncryptionEnabled=False,
            AtRestEncryptionEnabled=False,
            AutoMinorVersionUpgrade=True,
            AutomaticFailoverEnabled=False,
            MultiAZEnabled=False,
        ),
        *(
            one(
                "Logs::LogGroup",
                f"/aws/ec2/table-order/{name}",
                RetentionInDays=7,
                KmsKeyId="",
                LogGroupClass="STANDARD",
            )
            for name in ("fastapi", "nginx")
        ),
        one(
            "SNS::Topic",
            "table-order-alarms",
            DisplayName="Table Order alarms",
            KmsMasterKeyId="",
            TopicPolicy={},
            Subscription=[{"Protocol": "email", "Endpoint": "ops@example.com"}],
        ),
        *(
            one("CloudWatch::Alarm", name, **alarm_properties(name))
            for name in ("table-order-ec2-high-cpu", "table-order-rds-low-storage")
        ),
    ]


def alarm_properties(name: str, server: str = "table-order-app-server") -> dict:
    """Return an alarm's properties, which are the API's as well."""
    common = {
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 1,
        "TreatMissingData": "missing",
        "AlarmActions": [TOPIC_ARN],
        "OKActions": [],
        "InsufficientDataActions": [],
        "ActionsEnabled": True,
        "AlarmDescription": f"Alarm {name}",
    }
    if name == "table-order-ec2-high-cpu":
        return common | {
            "Namespace": "AWS/EC2",
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": server}],
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 80,
        }
    return common | {
        "Namespace": "AWS/RDS",
        "MetricName": "FreeStorageSpace",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "table-order-db"}],
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 2147483648,
    }


def pairs(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags.items()]


class Site:
    """The site's resources in the account that ``client`` reaches, with their ids by name."""

    def __init__(self, client) -> None:
        self.client = client
        self.ids: dict[str, str] = {}
        self.network()
        self.groups()
        self.rights()
        self.server()
        self.bucket()
        self.database()
        self.cache()
        self.monitoring()

    def tagged(self, kind: str, name: str) -> list[dict]:
        return [{"ResourceType": kind, "Tags": pairs(with_name(name))}]

    def network(self) -> None:
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(
            CidrBlock="10.0.0.0/16", TagSpecifications=self.tagged("vpc", "table-order-vpc")
        )["Vpc"]
        self.ids["table-order-vpc"] = vpc_id = vpc["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
        for name, (cidr, zone, public) in SUBNETS.items():
            subnet = ec2.create_subnet(
                VpcId=vpc_id,
                CidrBlock=cidr,
                AvailabilityZone=f"{REGION}{zone}",
                TagSpecifications=self.tagged("subnet", name),
            )["Subnet"]
            self.ids[name] = subnet["SubnetId"]
            ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": public})
        gateway = ec2.create_internet_gateway(
            TagSpecifications=self.tagged("internet-gateway", "table-order-igw")
        )
        self.ids["table-order-igw"] = gateway["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.ids["table-order-igw"], VpcId=vpc_id)
        for name, subnets in (
            ("table-order-public-rt", ["table-order-public-subnet"]),
            ("table-order-private-rt", PRIVATE),
        ):
            table = ec2.create_route_table(VpcId=vpc_id, TagSpecifications=self.tagged("route-table", name))
            self.ids[name] = table["RouteTable"]["RouteTableId"]
            for subnet in subnets:
                ec2.associate_route_table(RouteTableId=self.ids[name], SubnetId=self.ids[subnet])
        ec2.create_route(
            RouteTableId=self.ids["table-order-public-rt"],
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=self.ids["table-order-igw"],
        )

    def groups(self) -> None:
        ec2 = self.client("ec2")
        for resource in described():
            if resource["type"] != "AWS::EC2::SecurityGroup":
                continue
            name, properties = resource["name"], resource["properties"]
            self.ids[name] = ec2.create_security_group(
                GroupName=name,
                Description=properties["GroupDescription"],
                VpcId=self.ids["table-order-vpc"],
                TagSpecifications=self.tagged("security-group", name),
            )["GroupId"]
            everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            ec2.revoke_security_group_egress(GroupId=self.ids[name], IpPermissions=[everything])
            for one in properties["SecurityGroupIngress"]:
                ec2.authorize_security_group_ingress(
                    GroupId=self.ids[name], IpPermissions=[self.permission(one)]
                )
            for one in properties["SecurityGroupEgress"]:
                ec2.authorize_security_group_egress(
                    GroupId=self.ids[name], IpPermissions=[self.permission(one)]
                )

    def permission(self, one: dict) -> dict:
        found = {key: one[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in one}
        text = {"Description": one["Description"]}
        if "CidrIp" in one:
            return found | {"IpRanges": [{"CidrIp": one["CidrIp"], **text}]}
        return found | {"UserIdGroupPairs": [{"GroupId": self.ids[one["SourceSecurityGroupId"]], **text}]}

    def rights(self) -> None:
        iam = self.client("iam")
        iam.create_policy(PolicyName="table-order-server-boundary", PolicyDocument=json.dumps(allow("s3:*")))
        iam.create_role(
            RoleName="table-order-ec2-role",
            AssumeRolePolicyDocument=json.dumps(TRUST),
            Description="What the server may do",
            PermissionsBoundary=BOUNDARY,
            Tags=pairs(with_name("table-order-ec2-role")),
        )
        for name, document in (("s3-access", S3_ACCESS), ("cloudwatch-logs", LOGS)):
            iam.put_role_policy(
                RoleName="table-order-ec2-role", PolicyName=name, PolicyDocument=json.dumps(document)
            )
        iam.create_instance_profile(
            InstanceProfileName="table-order-ec2-role", Tags=pairs(with_name("table-order-ec2-role"))
        )
        iam.add_role_to_instance_profile(
            InstanceProfileName="table-order-ec2-role", RoleName="table-order-ec2-role"
        )
        for name, text in SECRETS.items():
            self.client("secretsmanager").create_secret(
                Name=name, Description=text, SecretString="hidden", Tags=pairs(with_name(name))
            )

    def server(self) -> None:
        ec2 = self.client("ec2")
        ec2.import_key_pair(
            KeyName="table-order-key",
            PublicKeyMaterial=KEY.encode(),
            TagSpecifications=self.tagged("key-pair", "table-order-key"),
        )
        images = ec2.describe_images(
            Owners=["amazon"], Filters=[{"Name": "name", "Values": ["al2023-ami-2023*x86_64"]}]
        )
        self.image = images["Images"][0]["ImageId"]
        self.ids["table-order-app-server"] = self.launch("table-order-app-server")
        ec2.create_tags(
            Resources=[self.ids["table-order-app-server"]],
            Tags=[{"Key": "HostKey", "Value": "ssh-ed25519 AAAA"}],
        )
        address = ec2.allocate_address(
            Domain="vpc", TagSpecifications=self.tagged("elastic-ip", "table-order-app-server")
        )
        self.ids["address"] = address["AllocationId"]
        ec2.associate_address(
            AllocationId=address["AllocationId"], InstanceId=self.ids["table-order-app-server"]
        )

    def launch(self, name: str, **other: object) -> str:
        values = {
            "ImageId": self.image,
            "InstanceType": "t3.medium",
            "MinCount": 1,
            "MaxCount": 1,
            "KeyName": "table-order-key",
            "SubnetId": self.ids["table-order-public-subnet"],
            "SecurityGroupIds": [self.ids["table-order-ec2-sg"]],
            "IamInstanceProfile": {"Name": "table-order-ec2-role"},
            "CreditSpecification": {"CpuCredits": "standard"},
            "MetadataOptions": METADATA,
            "BlockDeviceMappings": [
                {
                    "DeviceName": "/dev/xvda",
                    "Ebs": {
                        "VolumeSize": 30,
                        "VolumeType": "gp3",
                        "Encrypted": True,
                        "DeleteOnTermination": True,
                    },
                }
            ],
            "TagSpecifications": self.tagged("instance", name),
        } | other
        return self.client("ec2").run_instances(**values)["Instances"][0]["InstanceId"]

    def bucket(self) -> None:
        s3 = self.client("s3")
        s3.create_bucket(
            Bucket=BUCKET,
            CreateBucketConfiguration={"LocationConstraint": REGION},
            ObjectOwnership="BucketOwnerEnforced",
        )
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(BUCKET_POLICY))
        s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=BLOCK)
        s3.put_bucket_encryption(
            Bucket=BUCKET,
            ServerSideEncryptionConfiguration={
                "Rules": [{f"Apply{key}": value for key, value in AES.items()}]
            },
        )
        s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": pairs(with_name(BUCKET))})

    def private(self) -> list[str]:
        return [self.ids[name] for name in PRIVATE]

    def database(self) -> None:
        rds = self.client("rds")
        rds.create_db_subnet_group(
            DBSubnetGroupName="table-order-db-subnet-group",
            DBSubnetGroupDescription="Private subnets",
            SubnetIds=self.private(),
            Tags=pairs(with_name("table-order-db-subnet-group")),
        )
        rds.create_db_parameter_group(
            DBParameterGroupName="table-order-postgres15",
            DBParameterGroupFamily="postgres15",
            Description="Table Order database",
            Tags=pairs(with_name("table-order-postgres15")),
        )
        self.parameters(max_connections="100", work_mem="4096")
        rds.create_db_instance(
            DBInstanceIdentifier="table-order-db",
            Engine="postgres",
            EngineVersion="15",
            DBInstanceClass="db.t3.small",
            AllocatedStorage=20,
            StorageType="gp3",
            StorageEncrypted=True,
            DBName="tableorder",
            MasterUsername="tableorder_admin",
            MasterUserPassword="not-a-secret-1",
            Port=5432,
            AvailabilityZone=f"{REGION}a",
            PubliclyAccessible=False,
            DBSubnetGroupName="table-order-db-subnet-group",
            DBParameterGroupName="table-order-postgres15",
            VpcSecurityGroupIds=[self.ids["table-order-rds-sg"]],
            BackupRetentionPeriod=7,
            PreferredBackupWindow="03:00-04:00",
            PreferredMaintenanceWindow="Mon:04:00-Mon:05:00",
            AutoMinorVersionUpgrade=True,
            CopyTagsToSnapshot=True,
            DeletionProtection=True,
            Tags=pairs(with_name("table-order-db")),
        )

    def parameters(self, **values: str) -> None:
        self.client("rds").modify_db_parameter_group(
            DBParameterGroupName="table-order-postgres15",
            Parameters=[
                {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
                for name, value in values.items()
            ],
        )

    def cache(self) -> None:
        cache = self.client("elasticache")
        cache.create_cache_subnet_group(
            CacheSubnetGroupName="table-order-redis-subnet-group",
            CacheSubnetGroupDescription="Private subnets",
            SubnetIds=self.private(),
        )
        cache.create_replication_group(
            ReplicationGroupId="table-order-redis",
            ReplicationGroupDescription="Order events",
            Engine="redis",
            EngineVersion="7.1",
            CacheNodeType="cache.t3.micro",
            NumCacheClusters=1,
            Port=6379,
            CacheParameterGroupName="default.redis7",
            CacheSubnetGroupName="table-order-redis-subnet-group",
            SecurityGroupIds=[self.ids["table-order-redis-sg"]],
            PreferredCacheClusterAZs=[f"{REGION}a"],
            Tags=pairs(with_name("table-order-redis")),
        )

    def monitoring(self) -> None:
        logs, sns, alarms = (self.client(name) for name in ("logs", "sns", "cloudwatch"))
        for name in ("/aws/ec2/table-order/fastapi", "/aws/ec2/table-order/nginx"):
            logs.create_log_group(logGroupName=name, tags=with_name(name))
            logs.put_retention_policy(logGroupName=name, retentionInDays=7)
        sns.create_topic(
            Name="table-order-alarms",
            Attributes={"DisplayName": "Table Order alarms"},
            Tags=pairs(with_name("table-order-alarms")),
        )
        sns.subscribe(TopicArn=TOPIC_ARN, Protocol="email", Endpoint="ops@example.com")
        for name in ("table-order-ec2-high-cpu", "table-order-rds-low-storage"):
            alarms.put_metric_alarm(
                AlarmName=name,
                Tags=pairs(with_name(name)),
                **alarm_properties(name, self.ids["table-order-app-server"]),
            )
