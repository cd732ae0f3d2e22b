"""Starts an application as its server does, up to the end of its lifespan's start, without listening.

The role gives this file to a release's Python on standard input. Arguments: "lifespan" or "no-lifespan", the server (uvicorn,
gunicorn or hypercorn), then the server's. What a migration or a first set-up may still bring (the database's users and tables)
is no failure. Ends with status 1 and the reason.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

LIFESPAN_SECONDS = 30
# Errors of the drivers, by package, and of connections that it refuses: before the first migration its users are missing.
DATABASE_ERRORS = {
    ("asyncpg", "InterfaceError"),
    ("asyncpg", "PostgresError"),
    ("psycopg", "Error"),
    ("psycopg2", "Error"),
    ("sqlalchemy", "DBAPIError"),
    ("sqlalchemy", "NoSuchTableError"),
    ("tortoise", "DBConnectionError"),
    ("tortoise", "OperationalError"),
}
CONNECTION_ERRORS = (ConnectionError, TimeoutError)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error with all that it came from."""
    while error is not None:
        yield error
        for inner in getattr(error, "exceptions", ()):
            yield from causes(inner)
        error = error.__cause__ or error.__context__


def is_of_the_database(error: BaseException) -> bool:
    """Return whether an error may end with the migration."""
    for one in causes(error):
        names = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(one).__mro__}
        if isinstance(one, CONNECTION_ERRORS) or names & DATABASE_ERRORS:
            return True
    return False


class RefusedError(Exception):
    """What a server does not accept of its arguments."""


async def start_lifespan(app: Callable[..., Any], is_on: bool) -> None:
    """Start the application's lifespan and end it again; raises what its start raised."""
    started, over, refused = asyncio.Event(), asyncio.Event(), []
    questions = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]

    async def receive() -> dict[str, str]:
        if len(questions) == 1:
            await over.wait()
        return questions.pop()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.failed":
            refused.append(message.get("message", ""))
        started.set()

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, receive, send))
    await asyncio.wait({task, asyncio.ensure_future(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
    over.set()
    await asyncio.wait({task})
    error = task.exception()
    # An application that knows no lifespan raises at once, which servers take for "no" unless told otherwise.
    if error and (refused or (not started.is_set() and is_on)):
        raise error
    if refused:
        raise RuntimeError(f"The lifespan did not start: {refused[0]}")


def run_lifespan(app: Callable[..., Any], is_on: bool = False) -> None:
    """Run the lifespan, but not for longer than a check may take."""
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIFESPAN_SECONDS)
    asyncio.new_event_loop().run_until_complete(start_lifespan(app, is_on))


def give_up(*_: object) -> None:
    """End Python as if the application had started: it may wait for what the migration brings."""
    sys.stderr.write(
        f"Not judged before the migration: the lifespan has not started within {LIFESPAN_SECONDS} s\n"
    )
    end(0)


def end(status: int) -> None:
    """End Python without waiting for threads that the application has left."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def check_config(config: uvicorn.Config, has_lifespan: bool) -> None:
    """Load the application of uvicorn's configuration, call its factory and start its lifespan."""
    config.load()
    if has_lifespan and config.lifespan_class.__name__ != "LifespanOff":
        run_lifespan(config.loaded_app, config.lifespan == "on")


def check_uvicorn(has_lifespan: bool, arguments: list[str]) -> None:
    """Read the arguments as uvicorn does, and check the application."""
    import click
    import uvicorn
    from uvicorn.importer import import_from_string

    class Server:
        def __init__(self, config: uvicorn.Config) -> None:
            if isinstance(config.app, str):
                # uvicorn would say the reason in its log, which may be a file.
                import_from_string(config.app)
            check_config(config, has_lifespan)
            end(0)

    # "uvicorn.main" is its command; the module of that name makes the server.
    sys.modules["uvicorn.main"].Server = Server
    try:
        uvicorn.main(arguments, standalone_mode=False)
    except click.UsageError as error:
        raise RefusedError(f"{error.format_message()} The default arguments need uvicorn 0.22.") from error


def check_gunicorn(has_lifespan: bool, arguments: list[str]) -> None:
    """Read the arguments and the configuration as gunicorn does, and check the application as its worker would."""
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.argv = ["gunicorn", *arguments]
    try:
        server = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn")
        worker = server.cfg.worker_class
    except SystemExit as error:
        # gunicorn itself has said the reason.
        raise RefusedError("See above.") from error
    except RuntimeError as error:
        raise RefusedError(f"{error}.") from error
    # As gunicorn does when it starts, and not with --check-config.
    for path in (server.cfg.pythonpath or "").split(","):
        if path:
            sys.path.insert(0, str(Path(path).absolute()))
    os.environ.update(server.cfg.env)
    app = server.load()
    kwargs = getattr(worker, "CONFIG_KWARGS", None)
    if kwargs is not None:
        from uvicorn import Config

        check_config(Config(app, **{"log_config": None} | kwargs), has_lifespan)
    elif worker.__module__ == "gunicorn.workers.gasgi":
        if has_lifespan and server.cfg.asgi_lifespan != "off":
            run_lifespan(app, server.cfg.asgi_lifespan == "on")
    elif worker.__module__.startswith("gunicorn.") and is_asgi(app):
        raise RefusedError(
            f"The worker class {worker.__name__} cannot run an ASGI application: name one that can, such as "
            "--worker-class=uvicorn_worker.UvicornWorker."
        )


def check_hypercorn(has_lifespan: bool, arguments: list[str]) -> None:
    """Read the arguments as hypercorn does, and check the application."""
    import hypercorn.__main__ as program
    from hypercorn.utils import load_application

    found = []
    program.run = found.append
    try:
        program.main(arguments)
    except SystemExit as error:
        # hypercorn itself has said the reason.
        raise RefusedError("See above.") from error
    [config] = found
    workers = {"asyncio": "asyncio", "uvloop": "uvloop", "trio": "trio"}
    if config.worker_class not in workers:
        raise RefusedError(f"--worker-class is {config.worker_class!r}. Accepted: {', '.join(workers)}.")
    __import__(workers[config.worker_class])
    wrapped = load_application(config.application_path, config.wsgi_max_body_size)
    # hypercorn would serve a factory that is not called as a WSGI application, with an error for each request.
    if type(wrapped).__name__ != "ASGIWrapper":
        raise RefusedError(
            f"{config.application_path} is no ASGI application. A factory is called: fastapi_app_asgi: main:make()."
        )
    # Another event loop than asyncio's is the application's choice: its lifespan may need it.
    if has_lifespan and config.worker_class != "trio":
        run_lifespan(wrapped.app)


def is_asgi(app: object) -> bool:
    """Return whether an application's call is a coroutine, as in FastAPI."""
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)


SERVERS = {"uvicorn": check_uvicorn, "gunicorn": check_gunicorn, "hypercorn": check_hypercorn}


def main(lifespan: str, server: str, *arguments: str) -> None:
    """Check the application as the server would start it."""
    # As with a program of venv/bin: each server adds the working directory by itself.
    sys.path.pop(0)
    try:
        SERVERS[server](lifespan == "lifespan", [*arguments])
        end(0)
    except RefusedError as error:
        sys.stderr.write(
            f"{server} {version(server)} refuses its arguments: {error} Correct fastapi_app_arguments, or update {server}.\n"
        )
    except (Exception, SystemExit) as error:
        if is_of_the_database(error):
            sys.stderr.write(f"Not judged before the migration: {error!r}\n")
            end(0)
        traceback.print_exc()
    end(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
