"""Restores AWS's behavior where moto differs in a way that matters to a playbook.

One shim, one comment that names the behaviour, one unit test. They apply when this package is
imported, with or without containers behind the API.
"""

from local_cloud.shims import cloudwatch, ec2, elasticache, images, rds, s3, s3_policies, secretsmanager

__all__ = ["cloudwatch", "ec2", "elasticache", "images", "rds", "s3", "s3_policies", "secretsmanager"]
