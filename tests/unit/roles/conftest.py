"""The local cloud in this process, for roles that talk to AWS: no root, no containers."""

from tests.unit.local_cloud.conftest import client, cloud, ec2, url

__all__ = ["client", "cloud", "ec2", "url"]
