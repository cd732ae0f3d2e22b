# For Terraform: the resources of provision.yml with its default settings, as a yardstick for a run that changes nothing.
# tests/bench/unchanged.py applies them to a moto server of their own. Where moto answers otherwise than AWS, differences are ignored:
# a plan without changes takes as long.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

variable "endpoint" {
  type = string
}

locals {
  name    = "table-order"
  account = "123456789012"
  region  = "ap-northeast-2"
  bucket  = "${local.name}-menu-images-${local.account}"
  role    = "arn:aws:iam::${local.account}:role/${local.name}-ec2-role"
  objects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
  subnets = {
    public    = { cidr = "10.0.1.0/24", zone = "a" }
    private   = { cidr = "10.0.2.0/24", zone = "a" }
    private-b = { cidr = "10.0.3.0/24", zone = "c" }
  }
  secrets = ["rds/master", "rds/owner", "app/database", "app/settings"]
  policies = {
    s3-access = [
      { Effect = "Allow", Action = local.objects, Resource = "arn:aws:s3:::${local.bucket}/*" },
      { Effect = "Allow", Action = "s3:ListBucket", Resource = "arn:aws:s3:::${local.bucket}" },
    ]
    cloudwatch-logs = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "arn:aws:logs:${local.region}:${local.account}:log-group:/aws/ec2/${local.name}/*"
    }]
    cloudwatch-agent = [
      { Effect = "Allow", Action = "cloudwatch:PutMetricData", Resource = "*" },
      { Effect = "Allow", Action = ["ec2:DescribeTags", "ec2:DescribeVolumes"], Resource = "*" },
      { Effect = "Allow", Action = "logs:DescribeLogGroups", Resource = "arn:aws:logs:${local.region}:${local.account}:log-group:*" },
    ]
    secrets-manager-read = [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = "arn:aws:secretsmanager:${local.region}:${local.account}:secret:${local.name}/app/*"
    }]
  }
  alarms = {
    ec2-high-cpu = {
      namespace  = "AWS/EC2", metric = "CPUUtilization", comparison = "GreaterThanThreshold", threshold = 80
      dimensions = { InstanceId = aws_instance.server.id }
    }
    rds-high-connections = {
      namespace  = "AWS/RDS", metric = "DatabaseConnections", comparison = "GreaterThanThreshold", threshold = 80
      dimensions = { DBInstanceIdentifier = "${local.name}-db" }
    }
    rds-low-storage = {
      namespace  = "AWS/RDS", metric = "FreeStorageSpace", comparison = "LessThanThreshold", threshold = 2147483648
      dimensions = { DBInstanceIdentifier = "${local.name}-db" }
    }
  }
}

provider "aws" {
  region                      = local.region
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  endpoints {
    cloudwatch     = var.endpoint
    ec2            = var.endpoint
    elasticache    = var.endpoint
    iam            = var.endpoint
    logs           = var.endpoint
    rds            = var.endpoint
    s3             = var.endpoint
    secretsmanager = var.endpoint
    sns            = var.endpoint
    ssm            = var.endpoint
    sts            = var.endpoint
  }
  default_tags {
    tags = { Project = local.name, Environment = "production", ManagedBy = "terraform" }
  }
}

resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = "${local.name}-vpc" }
}

resource "aws_subnet" "main" {
  for_each                = local.subnets
  vpc_id                  = aws_vpc.main.id
  cidr_block              = each.value.cidr
  availability_zone       = "${local.region}${each.value.zone}"
  map_public_ip_on_launch = each.key == "public"
  tags                    = { Name = "${local.name}-${each.key}-subnet" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.name}-igw" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
  tags = { Name = "${local.name}-public-rt" }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.name}-private-rt" }
}

resource "aws_route_table_association" "main" {
  for_each       = local.subnets
  subnet_id      = aws_subnet.main[each.key].id
  route_table_id = each.key == "public" ? aws_route_table.public.id : aws_route_table.private.id
}

resource "aws_security_group" "server" {
  name        = "${local.name}-ec2-sg"
  description = "Table Order application server"
  vpc_id      = aws_vpc.main.id
  dynamic "ingress" {
    for_each = { 22 = "203.0.113.0/24", 80 = "0.0.0.0/0", 443 = "0.0.0.0/0" }
    content {
      protocol    = "tcp"
      from_port   = ingress.key
      to_port     = ingress.key
      cidr_blocks = [ingress.value]
    }
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "data" {
  for_each    = { rds = 5432, redis = 6379 }
  name        = "${local.name}-${each.key}-sg"
  description = "Table Order ${each.key}"
  vpc_id      = aws_vpc.main.id
  ingress {
    protocol        = "tcp"
    from_port       = each.value
    to_port         = each.value
    security_groups = [aws_security_group.server.id]
  }
}

resource "aws_iam_role" "server" {
  name = "${local.name}-ec2-role"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "server" {
  for_each = local.policies
  name     = each.key
  role     = aws_iam_role.server.name
  policy   = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_instance_profile" "server" {
  name = aws_iam_role.server.name
  role = aws_iam_role.server.name
}

resource "aws_secretsmanager_secret" "main" {
  for_each = toset(local.secrets)
  name     = "${local.name}/${each.key}"
}

resource "aws_secretsmanager_secret_version" "main" {
  for_each      = aws_secretsmanager_secret.main
  secret_id     = each.value.id
  secret_string = jsonencode({ password = "only-a-yardstick" })
}

resource "aws_s3_bucket" "images" {
  bucket = local.bucket
}

resource "aws_s3_bucket_server_side_encryption_configuration" "images" {
  bucket = aws_s3_bucket.images.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "images" {
  bucket = aws_s3_bucket.images.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "images" {
  bucket                  = aws_s3_bucket.images.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "images" {
  bucket = aws_s3_bucket.images.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.server.arn }
      Action    = local.objects
      Resource  = "arn:aws:s3:::${local.bucket}/*"
    }]
  })
}

resource "aws_db_subnet_group" "main" {
  name       = "${local.name}-db-subnet-group"
  subnet_ids = [aws_subnet.main["private"].id, aws_subnet.main["private-b"].id]
}

resource "aws_db_parameter_group" "main" {
  name   = "${local.name}-postgres15"
  family = "postgres15"
  dynamic "parameter" {
    for_each = { max_connections = 100, shared_buffers = 32768, work_mem = 4096 }
    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "pending-reboot"
    }
  }
  lifecycle {
    ignore_changes = [parameter]
  }
}

resource "aws_db_instance" "main" {
  identifier                = "${local.name}-db"
  engine                    = "postgres"
  engine_version            = "15"
  instance_class            = "db.t3.small"
  allocated_storage         = 20
  storage_type              = "gp3"
  storage_encrypted         = true
  db_name                   = "tableorder"
  username                  = "tableorder_admin"
  password                  = "only-a-yardstick"
  availability_zone         = "${local.region}a"
  db_subnet_group_name      = aws_db_subnet_group.main.name
  vpc_security_group_ids    = [aws_security_group.data["rds"].id]
  parameter_group_name      = aws_db_parameter_group.main.name
  backup_retention_period   = 7
  backup_window             = "03:00-04:00"
  maintenance_window        = "mon:05:00-mon:06:00" # moto takes windows that touch as overlapping
  copy_tags_to_snapshot     = true
  deletion_protection       = true
  final_snapshot_identifier = "${local.name}-final"
}

resource "aws_elasticache_subnet_group" "main" {
  name       = "${local.name}-redis-subnet-group"
  subnet_ids = [aws_subnet.main["private"].id, aws_subnet.main["private-b"].id]
}

resource "aws_elasticache_replication_group" "main" {
  replication_group_id        = "${local.name}-redis"
  description                 = "Table Order order events"
  engine                      = "redis"
  engine_version              = "7.1"
  node_type                   = "cache.t3.micro"
  num_cache_clusters          = 1
  port                        = 6379
  parameter_group_name        = "default.redis7"
  subnet_group_name           = aws_elasticache_subnet_group.main.name
  security_group_ids          = [aws_security_group.data["redis"].id]
  preferred_cache_cluster_azs = ["${local.region}a"]
  lifecycle {
    ignore_changes = all
  }
}

data "aws_ami" "server" {
  most_recent = true
  owners      = ["amazon"]
}

resource "aws_key_pair" "server" {
  key_name   = "${local.name}-key"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL4CDofnctj/uX8AYtwOW2NuKLaIXdrvwVgn8GvepOUf yardstick"
}

resource "aws_instance" "server" {
  ami                    = data.aws_ami.server.id
  instance_type          = "t3.medium"
  key_name               = aws_key_pair.server.key_name
  subnet_id              = aws_subnet.main["public"].id
  vpc_security_group_ids = [aws_security_group.server.id]
  iam_instance_profile   = aws_iam_instance_profile.server.name
  tags                   = { Name = "${local.name}-app-server" }
  credit_specification {
    cpu_credits = "standard"
  }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  root_block_device {
    volume_size = 30
    volume_type = "gp3"
    encrypted   = true
  }
  lifecycle {
    ignore_changes = [ami]
  }
}

resource "aws_eip" "server" {
  domain   = "vpc"
  instance = aws_instance.server.id
  tags     = { Name = "${local.name}-app-server" }
}

resource "aws_cloudwatch_log_group" "main" {
  for_each          = toset(["fastapi", "nginx", "system"])
  name              = "/aws/ec2/${local.name}/${each.key}"
  retention_in_days = 7
}

resource "aws_sns_topic" "alarms" {
  name         = "${local.name}-alarms"
  display_name = "Table Order alarms"
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each            = local.alarms
  alarm_name          = "${local.name}-${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Average"
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 1
  alarm_actions       = [aws_sns_topic.alarms.arn]
}
