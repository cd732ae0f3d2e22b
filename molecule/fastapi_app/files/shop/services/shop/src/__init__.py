"""An application of another shape: locked by uv, deep in its repository, with a health page and a name of its own."""

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

app = FastAPI()
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example.org"])


@app.get("/ready", status_code=202)
def ready() -> dict[str, bool]:
    """Accepted, not OK; whether it is healthy is in the body, and in the environment of a test."""
    return {"open": os.environ.get("OPEN", "true") == "true"}


@app.get("/environment")
def environment() -> dict[str, str]:
    """Everything that the process was given, for comparison with what was meant."""
    return dict(os.environ)


@app.get("/process")
def process() -> dict[str, str]:
    """What the kernel says about this process."""
    return dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())


@app.post("/write")
def write() -> None:
    """Write where it was allowed to: outside the release, and in its shared directory."""
    Path("/srv/shop-uploads/order.txt").write_text("one soup")
    Path("var/carts/1.txt").write_text("one cart")
