"""Logging in."""

from fastapi import APIRouter, Request

from app.controllers.dependencies import AdminDep, ResourcesDep, SessionDep
from app.models.api import AdminView, LoggedIn, Login
from app.services import accounts

router = APIRouter(prefix="/api", tags=["accounts"])


@router.post("/auth/login")
def log_in(request: Request, resources: ResourcesDep, session: SessionDep, login: Login) -> LoggedIn:
    """Exchange a name and a password for a token."""
    address = request.client.host if request.client else ""
    return accounts.log_in(session, resources.tokens, resources.throttle, login, address)


@router.get("/admin/whoami")
def whoami(admin: AdminDep) -> AdminView:
    """Who the token belongs to."""
    return AdminView.model_validate(admin)
