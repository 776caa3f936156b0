"""docs/differences.md has a section for every destination that stands in for Segment."""

from pathlib import Path

import pytest

from archiver.destinations import DESTINATIONS
from archiver.destinations.requests import RequestBuilder

PAGE = Path(__file__).resolve().parents[2] / "docs" / "differences.md"
TYPES = [
    kind.type
    for kind in DESTINATIONS
    if isinstance(kind, RequestBuilder) and "segment" in dict(kind.buildable)
]


@pytest.mark.parametrize("type_name", TYPES)
def test_a_destination_says_where_it_differs_from_its_hub(type_name: str) -> None:
    headings = [line for line in PAGE.read_text().splitlines() if line.startswith("## ")]
    assert sum(heading.endswith(f"(`{type_name}`)") for heading in headings) == 1
