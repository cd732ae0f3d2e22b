"""How moto's classes are changed: one decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

type Original = Callable[..., Any]


def around(owner: object, name: str) -> Callable[[Original], Original]:
    """Replace `owner.name` by the decorated function, which gets the original as its first argument."""

    def decorate(replacement: Original) -> Original:
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapper(*args: object, **kwargs: object) -> object:
            return replacement(original, *args, **kwargs)

        setattr(owner, name, wrapper)
        return replacement

    return decorate
