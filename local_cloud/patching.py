"""Changes moto's classes: replaces a method, or adds a follower."""

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


def after(owner: object, name: str, follow: Callable[..., object]) -> None:
    """Call `follow` after `owner.name`, with the result, then the arguments."""

    @around(owner, name)
    def both(original: Original, *args: object, **kwargs: object) -> object:
        result = original(*args, **kwargs)
        follow(result, *args, **kwargs)
        return result
