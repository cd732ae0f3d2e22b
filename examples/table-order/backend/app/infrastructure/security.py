"""Password hashes and signed tokens."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import uuid4

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's argon2id parameters; 19 MiB each, so that simultaneous logins do not exhaust a small server.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_NOBODYS_HASH = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """An argon2id hash with its own salt and parameters."""
    return _hasher.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the hash's. None (no such account) costs as much time as a wrong password."""
    try:
        return _hasher.verify(password_hash or _NOBODYS_HASH, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


class Audience(StrEnum):
    """What a token is for. A stream's token opens nothing else."""

    API = "api"
    STREAM = "stream"


LIFETIME = {Audience.API: timedelta(hours=8), Audience.STREAM: timedelta(seconds=60)}


@dataclass(frozen=True)
class Claims:
    """What a valid token says: whose it is, which log-in it came from, and of which password."""

    admin_id: int
    login: str
    password_mark: str
    expires: datetime


def password_mark(password_hash: str) -> str:
    """A short mark of the password as it is now: tokens carry it, so that another password ends them."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


class Tokens:
    """Issues and reads JSON web tokens signed with the service's key."""

    def __init__(
        self, secret_key: str, previous_key: str = "", previous_until: datetime | None = None
    ) -> None:
        """Sign with `secret_key`; also read what `previous_key` has signed, until `previous_until` at most."""
        self._key = secret_key
        self._previous, self._until = previous_key, previous_until

    def _keys(self) -> list[str]:
        """The keys that count now."""
        counts = self._previous and self._until is not None and datetime.now(UTC) < self._until
        return [self._key, *([self._previous] if counts else [])]

    def issue(self, admin_id: int, audience: Audience, password_hash: str, login: str | None = None) -> str:
        """A token that says who somebody is, for LIFETIME[audience]. What they may do is in the database.

        `login` is the log-in that it belongs to, a new one when None.
        """
        now = datetime.now(UTC)
        claims = {
            "sub": str(admin_id),
            "aud": audience.value,
            "iat": now,
            "exp": now + LIFETIME[audience],
            "jti": login or uuid4().hex,
            "pwd": password_mark(password_hash),
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def read(self, token: str, audience: Audience) -> Claims | None:
        """What the token says, or None when it is not valid for the audience now."""
        for key in self._keys():
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=["HS256"],
                    audience=audience.value,
                    options={"require": ["sub", "aud", "exp", "jti", "pwd"]},
                )
                return Claims(
                    int(claims["sub"]),
                    claims["jti"],
                    claims["pwd"],
                    datetime.fromtimestamp(claims["exp"], UTC),
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, ValueError):
                return None
        return None
