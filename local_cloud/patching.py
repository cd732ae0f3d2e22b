"""How moto's classes are changed: one decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def around(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: ANN401
    """Replace `owner.name` by the decorated function, which gets the original as its first argument."""

    def decorate(replacement: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            return replacement(original, *args, **kwargs)

        setattr(owner, name, wrapper)
        return replacement

    return decorate
