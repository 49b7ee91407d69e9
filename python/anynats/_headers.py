"""The headers of a message, as a read-only mapping. Made by the native module when asked for.

Knows nothing of how headers look on the wire: it is given names and values.
"""

from collections.abc import Iterable, Iterator, Mapping


class Headers(Mapping[str, str]):
    """Header names and values in the order they came; a name may occur several times.

    As a mapping it gives the first value of a name, and each name once; names are compared with
    their case. `raw` is the header block as it came. Immutable, so threads may share it. Pass it as
    `headers=` to send every value on.
    """

    __slots__ = ("_fields", "_raw")

    def __init__(self, fields: Iterable[tuple[str, str]] = (), raw: bytes = b"") -> None:
        self._fields = tuple(fields)
        self._raw = raw

    @property
    def raw(self) -> bytes:
        """The header block as it came, with its version line; empty without headers."""
        return self._raw

    def get_all(self, name: str) -> list[str]:
        """Return every value of `name`, in order; an empty list when there is none."""
        return [value for key, value in self._fields if key == name]

    def __getitem__(self, name: str) -> str:
        for key, value in self._fields:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._fields))

    def __len__(self) -> int:
        return len(dict(self._fields))

    def __repr__(self) -> str:
        return f"Headers({list(self._fields)!r})"

    def _header_fields(self) -> tuple[tuple[str, str], ...]:
        """Return all pairs; read by the native module when these headers are sent."""
        return self._fields
