"""Starts an application as uvicorn does, up to the end of its lifespan's start, without listening.

The role gives this file to a release's Python on standard input. Arguments: "lifespan" or "no-lifespan", then uvicorn's. What a
migration or a first set-up may still bring (the database's users and tables) is no failure. Ends with status 1 and the reason.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import click
import uvicorn
from uvicorn.importer import import_from_string

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


async def start_lifespan(config: uvicorn.Config) -> None:
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

    scope = {"type": "lifespan", "asgi": {"version": config.asgi_version, "spec_version": "2.0"}, "state": {}}
    task = asyncio.ensure_future(config.loaded_app(scope, receive, send))
    await asyncio.wait({task, asyncio.ensure_future(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
    over.set()
    await asyncio.wait({task})
    error = task.exception()
    # An application that knows no lifespan raises at once, which uvicorn takes for "no" unless told otherwise.
    if error and (refused or (not started.is_set() and config.lifespan == "on")):
        raise error
    if refused:
        raise RuntimeError(f"The lifespan did not start: {refused[0]}")


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


class Check:
    """Stands in for uvicorn's server."""

    lifespan = True

    def __init__(self, config: uvicorn.Config) -> None:
        """Load the application, call its factory and start its lifespan, then end Python."""
        if isinstance(config.app, str):
            # uvicorn would say the reason in its log, which may be a file.
            import_from_string(config.app)
        config.load()
        if self.lifespan and config.lifespan_class.__name__ != "LifespanOff":
            signal.signal(signal.SIGALRM, give_up)
            signal.alarm(LIFESPAN_SECONDS)
            asyncio.new_event_loop().run_until_complete(start_lifespan(config))
        end(0)


def main(lifespan: str, *arguments: str) -> None:
    """Read the arguments as uvicorn does, and check the application."""
    # As with uvicorn's program: the working directory is found by --app-dir, whose default it is.
    sys.path.pop(0)
    Check.lifespan = lifespan == "lifespan"
    # "uvicorn.main" is its command; the module of that name makes the server.
    sys.modules["uvicorn.main"].Server = Check
    try:
        uvicorn.main(arguments, standalone_mode=False)
    except click.UsageError as error:
        sys.stderr.write(
            f"uvicorn {uvicorn.__version__} refuses its arguments: {error.format_message()} Correct fastapi_app_arguments, or "
            "update uvicorn: the default arguments need 0.22.\n"
        )
    except (Exception, SystemExit) as error:
        if is_of_the_database(error):
            sys.stderr.write(f"Not judged before the migration: {error!r}\n")
            end(0)
        traceback.print_exc()
    end(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
