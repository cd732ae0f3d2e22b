"""Secrets Manager."""

from __future__ import annotations

from moto.secretsmanager.exceptions import InvalidRequestException, ResourceExistsException
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


# AWS: a rotation needs a function that makes the new value (R35; moto "rotates" to the same value).
@around(SecretsManagerBackend, "rotate_secret")
def refuse_rotation_without_function(
    original: Original,
    backend: SecretsManagerBackend,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    *args: object,
    **kwargs: object,
) -> object:
    """Raise unless a function is given, now or before."""
    secret = backend.secrets.get(secret_id)
    if secret is not None and not (rotation_lambda_arn or getattr(secret, "rotation_lambda_arn", "")):
        raise InvalidRequestException(
            "You can't rotate this secret because a Lambda rotation function ARN is not associated with it."
        )
    return original(backend, secret_id, client_request_token, rotation_lambda_arn, *args, **kwargs)


# AWS: a version keeps its value, also a pending one; the same token with another value is refused (R34; moto overwrites it).
@around(SecretsManagerBackend, "put_secret_value")
def refuse_another_value(
    original: Original, backend: SecretsManagerBackend, secret_id: str, **values: object
) -> object:
    """Raise for another value of a version that has one."""
    version = getattr(backend.secrets.get(secret_id), "versions", {}).get(values["client_request_token"], {})
    for kind in ("secret_string", "secret_binary"):
        if version.get(kind) is not None and version[kind] != values[kind]:
            raise ResourceExistsException(
                f"You can't use ClientRequestToken {values['client_request_token']} because that value is already "
                f"in use for a version of secret {secret_id}."
            )
    return original(backend, secret_id=secret_id, **values)


# AWS: the value of a secret is that of the version with AWSCURRENT, also after that label was moved (R34; moto: the old one).
@around(SecretsManagerBackend, "update_secret_version_stage")
def follow_current_version(
    original: Original,
    backend: SecretsManagerBackend,
    secret_id: str,
    version_stage: str,
    remove_from_version_id: str,
    move_to_version_id: str,
) -> object:
    """Let the secret's default version follow AWSCURRENT."""
    answer = original(backend, secret_id, version_stage, remove_from_version_id, move_to_version_id)
    if version_stage == "AWSCURRENT" and move_to_version_id:
        backend.secrets[secret_id].set_default_version_id(move_to_version_id)
    return answer
