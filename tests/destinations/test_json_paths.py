"""JSON paths of `[destinations.x.map]`: text in, steps out."""

import pytest

from archiver.destinations.paths import Fixed, JsonPath, json_path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$.userId", ("userId",)),
        ("$.context.traits.email", ("context", "traits", "email")),
        ("$['first name']", ("first name",)),
        ('$.integrations["TikTok Conversions"].ttp', ("integrations", "TikTok Conversions", "ttp")),
        ("$.products[0].price", ("products", 0, "price")),
        ("$['a.b'][12]", ("a.b", 12)),
        ("$.größe", ("größe",)),
        ("$['']", ("",)),
    ],
)
def test_a_path_is_read_and_written_back(text: str, steps: tuple[str | int, ...]) -> None:
    path = json_path(text)
    assert path == JsonPath(steps)
    assert json_path(str(path)) == path


@pytest.mark.parametrize(
    "text", ["userId", "$", "$.", "$..a", "$[0]", "$.a[-1]", "$.a[*]", "$['a", "$.a."]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\$|begin"):
        json_path(text)


def test_a_constant_shows_as_it_is_written() -> None:
    assert [str(Fixed(value)) for value in ("USD", 1.5, True)] == ["'USD'", "1.5", "True"]
