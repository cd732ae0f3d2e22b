"""Who may log in, and as what."""

from dataclasses import dataclass

from redis import RedisError
from sqlalchemy import Select, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.infrastructure.ended_logins import EndedLogins
from app.infrastructure.security import (
    LIFETIME,
    Audience,
    Claims,
    Tokens,
    hash_password,
    password_mark,
    password_matches,
)
from app.infrastructure.sse_publisher import SSEPublisher
from app.infrastructure.throttle import LoginThrottle
from app.models.api import AdminChange, AdminView, LoggedIn, Login, NewAdmin
from app.models.entities import Admin, Role, Store
from app.services.errors import (
    ConflictError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
)


@dataclass(frozen=True)
class Identity:
    """Somebody who is logged in, and the token that says so."""

    admin: Admin
    claims: Claims


@dataclass(frozen=True)
class StoreAdmin:
    """A logged-in admin of a store; `login` is the log-in that the request belongs to."""

    id: int
    store_id: int
    login: str


def _who_may_log_in() -> Select[Admin]:
    """Admins who are active and whose store, if any, is active. One statement: it runs with each of their requests."""
    return (
        select(Admin)
        .outerjoin(Store, Store.id == Admin.store_id)
        .where(Admin.is_active, or_(Admin.store_id.is_(None), Store.is_active))
    )


def log_in(session: Session, tokens: Tokens, throttle: LoginThrottle, login: Login, address: str) -> LoggedIn:
    """Exchange a name and a password for a token. Wrong name and wrong password look alike."""
    if not throttle.admits(login.username, address):
        raise TooManyRequestsError("Too many failed logins. Please wait a minute.")
    admin = session.scalar(_who_may_log_in().where(Admin.username == login.username))
    matches = password_matches(admin.password_hash if admin else None, login.password)
    if not matches or admin is None:
        raise UnauthorizedError("Wrong name or password.")
    throttle.forgive(login.username, address)
    return LoggedIn(
        access_token=tokens.issue(admin.id, Audience.API, admin.password_hash),
        expires_in=int(LIFETIME[Audience.API].total_seconds()),
        role=admin.role,
        store_id=admin.store_id,
    )


def authenticate(
    session: Session, tokens: Tokens, logins: EndedLogins, token: str | None, audience: Audience
) -> Identity:
    """Who a token belongs to; looked up each time, so that a lock, another password and a log-out end it at once."""
    claims = tokens.read(token, audience) if token else None
    admin = session.scalar(_who_may_log_in().where(Admin.id == claims.admin_id)) if claims else None
    if (
        claims is None
        or admin is None
        or claims.password_mark != password_mark(admin.password_hash)
        or logins.has_ended(claims.login)
    ):
        raise UnauthorizedError("Please log in.")
    return Identity(admin, claims)


def log_out(logins: EndedLogins, publisher: SSEPublisher, identity: Identity) -> None:
    """End this log-in: its tokens and its streams. The account's other log-ins go on."""
    try:
        logins.end(identity.claims.login, identity.claims.expires)
    except RedisError as error:
        raise UnavailableError("The log-out could not be kept. Please try again.") from error
    publisher.end_streams(login=identity.claims.login)


def _require_store(session: Session, store_id: int) -> None:
    if session.get(Store, store_id) is None:
        raise NotFoundError(f"There is no store {store_id}.")


def list_admins(session: Session, store_id: int) -> list[AdminView]:
    """A store's admins."""
    _require_store(session, store_id)
    rows = session.scalars(select(Admin).where(Admin.store_id == store_id).order_by(Admin.id))
    return [AdminView.model_validate(row) for row in rows]


def create_admin(session: Session, store_id: int, new: NewAdmin) -> AdminView:
    """Add an admin to a store."""
    _require_store(session, store_id)
    admin = Admin(
        store_id=store_id,
        username=new.username,
        password_hash=hash_password(new.password),
        role=Role.ADMIN,
    )
    session.add(admin)
    try:
        session.commit()
    except IntegrityError as error:
        raise ConflictError(f"The name {new.username!r} is taken.") from error
    return AdminView.model_validate(admin)


def change_admin(session: Session, publisher: SSEPublisher, admin_id: int, change: AdminChange) -> AdminView:
    """Set the fields that are given; a lock or another password ends what is open. Superadmins are the deployment's."""
    admin = session.get(Admin, admin_id)
    if admin is None or admin.role != Role.ADMIN:
        raise NotFoundError(f"There is no admin {admin_id}.")
    if change.password is not None:
        admin.password_hash = hash_password(change.password)
    if change.is_active is not None:
        admin.is_active = change.is_active
    session.commit()
    if change.password is not None or not admin.is_active:
        publisher.end_streams(admin_id=admin.id)
    return AdminView.model_validate(admin)
