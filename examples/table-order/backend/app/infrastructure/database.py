"""PostgreSQL through SQLAlchemy."""

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.orm import Session, sessionmaker

# Bounds on how long an unreachable database can hold a thread: connecting (seconds), bytes that nobody
# acknowledges (milliseconds), one statement (milliseconds).
_CONNECT_ARGS = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "application_name": "table-order",
    "options": "-c statement_timeout=10000",
}


def driver_url(database_url: str) -> URL:
    """The URL as everybody writes it (postgresql://), with the driver that this application uses."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


# Connections of one instance: two instances, as during a deployment, stay far below the database's 100.
_CONNECTIONS = 15
# Sessions that requests may have at once; the two others are for the health check.
TURNS = _CONNECTIONS - 2


def open_engine(database_url: str) -> Engine:
    """An engine for the service."""
    return create_engine(
        driver_url(database_url),
        # All of them are kept. One that is opened for a burst and closed after it costs a TLS handshake on both sides, in the very
        # moment that there is no time for it: bursts would feed themselves.
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,  # values of a failed statement do not belong in a log
        connect_args=_CONNECT_ARGS,
    )


def open_sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions whose rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)
