"""An application of another shape: one file, dependencies without hashes, a health page that answers nothing."""

from fastapi import FastAPI

application = FastAPI()


@application.get("/", status_code=204)
def nothing() -> None:
    """All is well, and there is nothing to say about it."""
