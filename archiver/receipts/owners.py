"""Whose a record is in a feed that several destinations share, by what its `destination` says."""

from __future__ import annotations

from archiver.receipts.base import ReceiptSettings
from archiver.receipts.records import shown


class UnclearOwnerError(ValueError):
    """A record that names no configured destination, or none of several.

    Args:
        detail: why, for quarantine as `other_destination`.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def is_ours(named: str | None, settings: ReceiptSettings) -> bool:
    """Whether a record is about this destination, and not about another that is configured.

    A name goes before a type. A type that several destinations have names none of them: what one
    account accepted must not cover what another one lost.

    Args:
        named: name or type of a destination, without regard to case; None: the feed was listed
            for this one, and so is the record.
        settings: the destination, and what the others are called.

    Raises:
        UnclearOwnerError: no configured destination is called so, or several are.
    """
    if named is None:
        return True
    folded = named.strip().casefold()
    if folded == settings.destination.casefold():
        return True
    if folded in settings.others:
        return False
    if folded != settings.destination_type.casefold():
        raise UnclearOwnerError(shown(named))
    if settings.shares_type:
        raise UnclearOwnerError("several destinations have this type: write its name")
    return True
