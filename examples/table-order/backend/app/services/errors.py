"""Why a request cannot be fulfilled, in words for the person who made it."""


class ServiceError(Exception):
    """Base of all; `status` is the HTTP status that it becomes."""

    status = 400


class UnauthorizedError(ServiceError):
    """Nobody is logged in."""

    status = 401


class ForbiddenError(ServiceError):
    """Somebody is logged in, but may not."""

    status = 403


class NotFoundError(ServiceError):
    """It does not exist, or not for whoever asks."""

    status = 404


class ConflictError(ServiceError):
    """It is not possible in the present state."""

    status = 409


class MenuChangedError(ConflictError):
    """The menu is not what the guest has seen; `changed` holds what a guest needs to mend the order."""

    def __init__(self, message: str, changed: list[dict[str, object]]) -> None:
        """Keep the lines that changed, as JSON values."""
        super().__init__(message)
        self.changed = changed


class TooLargeError(ServiceError):
    """It is larger than accepted."""

    status = 413


class InvalidError(ServiceError):
    """It has not the right form."""

    status = 422


class TooManyRequestsError(ServiceError):
    """It was tried too often."""

    status = 429


class UnavailableError(ServiceError):
    """Something that the service needs is away."""

    status = 503
