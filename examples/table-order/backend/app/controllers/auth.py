"""Logging in."""

from fastapi import APIRouter, Request

from app.controllers.dependencies import IdentityDep, ResourcesDep, SessionDep
from app.models.api import AdminView, LoggedIn, Login
from app.services import accounts

router = APIRouter(prefix="/api", tags=["accounts"])


@router.post("/auth/login")
def log_in(request: Request, resources: ResourcesDep, session: SessionDep, login: Login) -> LoggedIn:
    """Exchange a name and a password for a token."""
    address = request.client.host if request.client else ""
    return accounts.log_in(session, resources.tokens, resources.throttle, login, address)


@router.post("/auth/logout", status_code=204)
def log_out(resources: ResourcesDep, identity: IdentityDep) -> None:
    """End the log-in that the token came from, with its streams."""
    accounts.log_out(resources.ended_logins, resources.publisher, identity)


@router.get("/admin/whoami")
def whoami(identity: IdentityDep) -> AdminView:
    """Who the token belongs to."""
    return AdminView.model_validate(identity.admin)
