"""Is the service alive, and does it reach what it needs?"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.controllers.dependencies import ResourcesDep
from app.models.api import Health, Live
from app.services.health import OK, HealthChecks

router = APIRouter(prefix="/api", tags=["health"])


async def _health_checks(request: Request) -> HealthChecks:
    return request.app.state.health_checks


@router.get("/live")
async def live(resources: ResourcesDep) -> Live:
    """Answer without asking anything else: for whoever decides on restarting the process."""
    return Live(release=resources.release)


@router.get("/health", responses={503: {"model": Health}})
async def health(
    resources: ResourcesDep, checks: Annotated[HealthChecks, Depends(_health_checks)], response: Response
) -> Health:
    """Ask database, Redis and S3."""
    outcomes = await checks.run()
    healthy = all(outcome == OK for outcome in outcomes.values())
    response.status_code = 200 if healthy else 503
    response.headers["Cache-Control"] = "no-store"
    return Health(status="ok" if healthy else "unavailable", release=resources.release, checks=outcomes)
