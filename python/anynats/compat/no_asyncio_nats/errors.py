"""The errors of anynats, as classes that `except RuntimeError` catches too.

The README names the builtins, the code raised RuntimeError: these are both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NoReturn

import anynats

_made: dict[type[anynats.Error], type[anynats.Error]] = {}


def _also_runtime_error(kind: type[anynats.Error]) -> type[anynats.Error]:
    if kind not in _made:
        # No responders counts as a timeout there, though it comes at once.
        extra = (anynats.TimeoutError,) if kind is anynats.NoResponders else ()
        bases = (kind, *extra, RuntimeError)
        _made[kind] = type(kind.__name__, bases, {"__doc__": kind.__doc__})
    return _made[kind]


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise anynats' errors as classes that `except RuntimeError` catches too."""
    try:
        yield
    except anynats.Error as error:
        raise _also_runtime_error(type(error))(*error.args) from error.__cause__


def not_yet(what: str) -> NoReturn:
    raise _also_runtime_error(anynats.UsageError)(f"{what} is not supported by this version yet")
