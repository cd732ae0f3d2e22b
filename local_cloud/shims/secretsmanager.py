"""Secrets Manager."""

from __future__ import annotations

from moto.secretsmanager.exceptions import InvalidRequestException
from moto.secretsmanager.models import SecretsManagerBackend

from local_cloud.patching import Original, around


def _is_marked_for_deletion(backend: SecretsManagerBackend, name: str) -> bool:
    secret = backend.secrets.get(name)
    return secret is not None and secret.is_deleted()


# AWS: the name of a secret that is scheduled for deletion cannot be used for a new one.
@around(SecretsManagerBackend, "create_secret")
def refuse_scheduled_name(
    original: Original, backend: SecretsManagerBackend, name: str, *args: object, **kwargs: object
) -> object:
    """Raise AWS's error (moto says ResourceExistsException)."""
    if _is_marked_for_deletion(backend, name):
        raise InvalidRequestException(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    return original(backend, name, *args, **kwargs)


# AWS: clients recognize an unreadable existing secret by this message.
@around(SecretsManagerBackend, "get_secret_value")
def say_that_it_was_marked_for_deletion(
    original: Original, backend: SecretsManagerBackend, secret_id: str, *args: object, **kwargs: object
) -> object:
    """Raise AWS's error (moto has a different message)."""
    if _is_marked_for_deletion(backend, secret_id):
        raise InvalidRequestException(
            "You can't perform this operation on the secret because it was marked for deletion."
        )
    return original(backend, secret_id, *args, **kwargs)
