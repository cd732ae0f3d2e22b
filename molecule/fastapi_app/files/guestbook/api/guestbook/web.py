"""An application of another shape: locked by poetry, made by a function."""

import os

from fastapi import FastAPI


def create() -> FastAPI:
    """Make the application; its greeting has to be configured."""
    app = FastAPI()
    greeting = os.environ["GUESTBOOK_GREETING"]

    @app.get("/ping")
    def ping() -> str:
        return f"pong, {greeting}"

    return app
