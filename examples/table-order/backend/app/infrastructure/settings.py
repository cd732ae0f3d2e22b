"""Settings, from the environment only.

systemd puts it there; the application itself opens no settings file. AWS credentials are no
setting: boto3 takes them from the instance's role. AWS_ENDPOINT_URL, if set, is boto3's own.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class DatabaseSettings(BaseSettings):
    """What migrations and the bootstrap need."""

    # An error names the setting and never prints its value, nor those of its neighbours.
    model_config = SettingsConfigDict(hide_input_in_errors=True, extra="ignore")

    database_url: SecretStr


class Settings(DatabaseSettings):
    """What the service needs."""

    redis_url: SecretStr
    s3_bucket: Annotated[str, Field(min_length=3)]
    aws_region: Annotated[str, Field(min_length=1)]
    secret_key: Annotated[SecretStr, Field(min_length=32)]
    # Signed the tokens of before, which count until then.
    secret_key_previous: SecretStr = SecretStr("")
    secret_key_previous_until: AwareDatetime | None = None
    release_id: str = "development"


class BootstrapSettings(DatabaseSettings):
    """What `python -m app.bootstrap` needs. `admin_demo_password` is needed with demo data only."""

    superadmin_username: Annotated[str, Field(min_length=3, max_length=50)]
    superadmin_password: Annotated[SecretStr, Field(min_length=10, max_length=128)]
    demo_data: bool = False
    admin_demo_password: Annotated[SecretStr, Field(min_length=10, max_length=128)] | None = None
