"""Where a field's value comes from: a JSON path into the inbound event, or a constant."""

from __future__ import annotations

import re
from dataclasses import dataclass

Scalar = str | int | float | bool
PathSteps = tuple[str | int, ...]

_PLAIN = re.compile(r"[\w-]+")
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"\s][^.\[\]'"]*)"""
    r"""|\[(?P<index>[0-9]{1,9})\]"""
    r"""|\['(?P<single>[^']*)'\]"""
    r"""|\["(?P<double>[^"]*)"\]"""
)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A place in an inbound event.

    Attributes:
        steps: names of members and positions in arrays, from the event's top level.
    """

    steps: PathSteps

    def __str__(self) -> str:
        return "$" + "".join(
            f"[{step}]"
            if isinstance(step, int)
            else f".{step}"
            if _PLAIN.fullmatch(step)
            else f"['{step}']"
            for step in self.steps
        )


@dataclass(frozen=True, slots=True)
class Fixed:
    """A constant."""

    value: Scalar

    def __str__(self) -> str:
        return repr(self.value)


Source = JsonPath | Fixed


def json_path(text: str) -> JsonPath:
    """Read a path such as `$.context.traits['first name']` or `$.products[0].price`.

    Raises:
        ValueError: it is none; the message says where it goes wrong.
    """
    if not text.startswith("$"):
        raise ValueError(f"{text!r} is no JSON path: it does not begin with $")
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is no JSON path: see {text[position:]!r}")
        if match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(
                next(v for v in (match["name"], match["single"], match["double"]) if v is not None)
            )
        position = match.end()
    if not steps or isinstance(steps[0], int):
        raise ValueError(f"{text!r} names no member of the event, which is an object")
    return JsonPath(tuple(steps))
