"""The smallest application that the role can be tested with."""

import os
from pathlib import Path

from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/api/health")
def health(response: Response) -> dict[str, str]:
    """Healthy unless the environment says otherwise, which stands for a configuration that does not work."""
    healthy = os.environ.get("HEALTHY", "true") == "true"
    response.status_code = 200 if healthy else 503
    return {"status": "ok" if healthy else "told to be unhealthy", "release": os.environ["RELEASE_ID"]}


@app.get("/api/environment")
def environment() -> dict[str, str]:
    """Everything that the process was given, for comparison with what was meant."""
    return dict(os.environ)


@app.get("/api/process")
def process() -> dict[str, str]:
    """What the kernel says about this process."""
    return dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())


@app.post("/api/crash")
def crash() -> None:
    """End without a word."""
    os._exit(1)
