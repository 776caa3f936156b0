"""What goes wrong at a destination, and when: spells of time, and single requests, by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["throttled", "server_error", "unreadable", "slow", "reset", "bad_token"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request.

    Attributes:
        kind: `throttled`: too many requests; `server_error`: the server's own fault, in the words
            of the API; `unreadable`: a page of some proxy; `slow`: the reply takes long; `reset`:
            the connection breaks; `bad_token`: the token is refused.
        is_processed: the request is taken all the same, and its events are counted.
        status: HTTP status, of `server_error` and `unreadable`.
        seconds: how long a slow reply takes; for `throttled`, what `Retry-After` asks, if above 0.
    """

    kind: Kind
    is_processed: bool = False
    status: int = 500
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which requests fail.

    Attributes:
        start: UTC.
        end: UTC, excluded.
        faults: one of them, by chance, for a request that fails.
        share: of the requests that fail.
    """

    start: datetime
    end: datetime
    faults: tuple[Fault, ...]
    share: float = 1.0


class Faults:
    """A seeded schedule. The same requests at the same instants fail in the same way.

    Args:
        seed: of the chance.
        spells: the first that has the instant decides.
    """

    def __init__(self, seed: str = "", spells: Sequence[Spell] = ()) -> None:
        self._random = random.Random(seed).random
        self._spells = list(spells)

    def add(self, spell: Spell) -> None:
        """Add a spell behind the others."""
        self._spells.append(spell)

    def next(self, at: datetime) -> Fault | None:
        """What happens to the next request; None: nothing goes wrong."""
        for spell in self._spells:
            if spell.start <= at < spell.end:
                if self._random() >= spell.share:
                    return None
                return spell.faults[int(self._random() * len(spell.faults))]
        return None


NO_FAULTS = Faults()
