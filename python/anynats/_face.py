"""How a face is made of the surface: the marks on its methods, and what async faces do with them.

Also what every face does with the keywords of `connect`. No NATS here, and nothing that waits.
"""

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from anynats._options import OPTION_NAMES

_F = TypeVar("_F", bound=Callable[..., Any])


def waits(function: _F) -> _F:
    """Mark what an async face must await."""
    function._waits = True  # type: ignore[attr-defined]
    return function


def connects(function: _F) -> _F:
    """Mark what an async face opens, with `await` or `async with`."""
    return function


def native_options(servers: object, options: Mapping[str, object]) -> dict[str, object]:
    """Return what the native module reads; a mistyped name is a TypeError that guesses."""
    for name in options:
        if name not in OPTION_NAMES:
            import difflib

            near = difflib.get_close_matches(name, OPTION_NAMES, 1)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"connect() has no option {name!r}{guess}")
    return {"servers": servers, **options}


_LEFT_OUT = frozenset(
    ("__enter__", "__exit__", "__iter__", "__dict__", "__weakref__", "__module__", "__doc__")
)


def face_of(surface: type) -> Callable[[type], type]:
    """Give a class of an async face all of `surface`, with what waits as coroutine functions."""

    def fill(face: type) -> type:
        for name, member in vars(surface).items():
            if name not in face.__dict__ and name not in _LEFT_OUT:
                setattr(face, name, _awaited(member) if hasattr(member, "_waits") else member)
        for name, member in vars(face).items():
            if isinstance(member, types.FunctionType) and hasattr(surface, name):
                member.__doc__ = getattr(surface, name).__doc__
        face.__doc__ = surface.__doc__
        return face

    return fill


def _awaited(function: Any) -> Any:
    @functools.wraps(function)
    async def method(*args: Any, **keywords: Any) -> Any:
        return await function(*args, **keywords)

    return method
