"""Classes for isinstance, as in the original: nobody makes objects of them by hand.

Those of JetStream come with a later version.
"""

from __future__ import annotations

from typing import Any


class Made:
    """A class whose objects are made here only, as in the original."""

    def __new__(cls, *args: object, **keywords: object) -> Any:
        raise TypeError(f"cannot create '{cls.__name__}' instances")


class JetStream(Made):
    """For isinstance; comes with a later version."""


class JetStreamStream(Made):
    """For isinstance; comes with a later version."""


class JetStreamPullConsumer(Made):
    """For isinstance; comes with a later version."""


class JetStreamPullConsumerMessages(Made):
    """For isinstance; comes with a later version."""


class PublishAckFuture(Made):
    """For isinstance; comes with a later version."""
