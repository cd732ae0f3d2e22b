"""ElastiCache: endpoints of the right region, members that are described, changes that are made."""

from local_cloud.shims.elasticache import changes, clusters, common, hooks, replication_groups, subnet_groups

__all__ = ["changes", "clusters", "common", "hooks", "replication_groups", "subnet_groups"]
