"""Secrets Manager."""

from __future__ import annotations

from moto.secretsmanager.exceptions import InvalidRequestException
from moto.secretsmanager.models import SecretsManagerBackend

from local_cloud.patching import Original, around


# AWS: the name of a secret that is scheduled for deletion cannot be used for a new one.
@around(SecretsManagerBackend, "create_secret")
def refuse_scheduled_name(
    original: Original, backend: SecretsManagerBackend, name: str, *args: object, **kwargs: object
) -> object:
    """Raise AWS's error (moto says ResourceExistsException)."""
    existing = dict(backend.secrets).get(name)
    if existing is not None and existing.is_deleted():
        raise InvalidRequestException(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    return original(backend, name, *args, **kwargs)
