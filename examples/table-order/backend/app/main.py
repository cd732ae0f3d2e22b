"""The ASGI application: `uvicorn app.main:app`."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.controllers import admin_orders, admin_store, auth, customer, health, superadmin
from app.infrastructure.limits import BodyLimit
from app.infrastructure.logging import RequestLog, configure_logging
from app.infrastructure.resources import Resources
from app.infrastructure.settings import Settings
from app.infrastructure.shutdown import calling_on_stop
from app.services.errors import MenuChangedError, ServiceError, UnavailableError
from app.services.health import HealthChecks

_log = logging.getLogger(__name__)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    resources = Resources(Settings())
    app.state.resources = resources
    app.state.health_checks = HealthChecks(resources)
    listener = asyncio.create_task(resources.publisher.listen())
    with calling_on_stop(resources.publisher.stop):
        yield
    listener.cancel()
    with suppress(asyncio.CancelledError):
        await listener
    await resources.close()


async def _show_service_error(_request: Request, error: ServiceError) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    changed = {"changed": error.changed} if isinstance(error, MenuChangedError) else {}
    return JSONResponse({"detail": str(error)} | changed, error.status, headers)


async def _show_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
    # Without "input": what was sent may be a password.
    errors = [{key: entry[key] for key in ("loc", "msg", "type")} for entry in error.errors()]
    where = ".".join(str(part) for part in errors[0]["loc"][1:]) or "body"
    return JSONResponse({"detail": f"{where}: {errors[0]['msg']}", "errors": errors}, 422)


async def _show_no_database(request: Request, error: Exception) -> JSONResponse:
    _log.warning("database unavailable: %s", getattr(error, "orig", error))
    return await _show_service_error(
        request, UnavailableError("The service is not available right now. Please try again.")
    )


def create_app() -> FastAPI:
    """Wire everything. Settings are read when the application starts, not when it is imported."""
    configure_logging()
    app = FastAPI(
        title="Table Order",
        lifespan=_lifespan,
        docs_url=None,  # its page loads scripts from elsewhere, on the origin on which administrators log in
        openapi_url="/api/openapi.json",
        redoc_url=None,
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestLog)  # the last is the first to see a request
    app.add_exception_handler(ServiceError, _show_service_error)
    app.add_exception_handler(RequestValidationError, _show_invalid_request)
    app.add_exception_handler(OperationalError, _show_no_database)
    app.add_exception_handler(PoolTimeoutError, _show_no_database)
    for area in (health, customer, auth, admin_orders, admin_store, superadmin):
        app.include_router(area.router)
    return app


app = create_app()
