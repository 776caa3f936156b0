"""Ids by match keys, tier by tier (docs/reconciliation.md, Match key)."""

from __future__ import annotations

import pytest

from archiver.destinations.transforms import transformed
from archiver.warehouse.event_values import ValueReader
from archiver.warehouse.match_keys import Ids, ReadyKey, is_message_id, read_ids

ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("text", "steps", "result"),
    [
        ("aB ", [], "aB "),
        ("aB ", ["raw"], "aB "),
        (" aB\t", ["trim"], "aB"),
        ("aBÉ", ["lower"], "abé"),
        ("aBß", ["upper"], "ABSS"),
        # Vectors: RFC 1321 A.5, FIPS 180-4 (SHA-1 and SHA-256 of "abc").
        ("abc", ["md5"], "900150983cd24fb0d6963f7d28e17f72"),
        ("abc", ["sha1"], "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abc", ["sha256"], ABC_SHA256),
        (" ABC ", ["trim", "lower", "sha256"], ABC_SHA256),
        (
            " ABC ",
            ["sha256", "trim", "lower"],
            "de1b75b86b2a1c06382d939d57ce81077ee65ed6b5f472f4d7e01b31bb62a1c3",
        ),
        ("é", ["md5"], "66ddcd97cfdeabb2f6fb8a999b4bc76f"),
        ("abc", ["md5", "upper"], "900150983CD24FB0D6963F7D28E17F72"),
        ("", ["sha256"], None),
        ("", [], None),
        ("  ", ["trim"], None),
        ("  ", ["trim", "sha256"], None),
        ("  ", [], "  "),
    ],
)
def test_steps_in_their_order(text: str, steps: list[str], result: str | None) -> None:
    assert transformed(text, steps) == result


def keys(*paths: str) -> list[ReadyKey]:
    """Keys written as `path` or `path|step|step`."""
    parts = [path.split("|") for path in paths]
    return [ReadyKey(tuple(path.split(".")), tuple(steps)) for path, *steps in parts]


def ids(payload: str, message_id: str | None, *paths: str) -> Ids:
    ready = keys(*paths)
    return read_ids(ready, ValueReader(key.path for key in ready).read(payload), message_id)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ('"a":"1","b":"2"', Ids("1", 1, ["2", "m"])),
        ('"b":"2"', Ids("2", 2, ["m"])),
        ("", Ids("m", 3, None)),
        ('"a":"1"', Ids("1", 1, [None, "m"])),
        ('"a":"","b":"2"', Ids("2", 2, ["m"])),
        ('"a":null,"b":"2"', Ids("2", 2, ["m"])),
        ('"a":1.10,"b":-0', Ids("1.10", 1, ["-0", "m"])),
        ('"a":true,"b":["2"]', Ids("m", 3, None)),
        ('"a":{"b":1},"b":"\\ud800"', Ids("m", 3, None)),
        ('"a":"1","b":"1"', Ids("1", 1, [None, "m"])),
        ('"a":"1","b":"m"', Ids("1", 1, ["m", None])),
        ('"a":"m","b":"m"', Ids("m", 1, None)),
        ('"a":"m","b":""', Ids("m", 1, None)),
    ],
)
def test_the_first_id_and_those_of_later_tiers(properties: str, expected: Ids) -> None:
    payload = f'{{"messageId":"other","properties":{{{properties}}}}}'
    assert ids(payload, "m", "properties.a", "properties.b", "messageId") == expected


def test_message_id_is_the_archives() -> None:
    """An envelope may have given it, and an empty one identifies nothing."""
    assert ids('{"messageId":"inner"}', "outer", "messageId|upper") == Ids("OUTER", 1, None)
    assert ids('{"messageId":""}', None, "messageId|sha256") == Ids()


def test_a_transformed_id_that_equals_an_earlier_one_is_none() -> None:
    payload = '{"properties":{"a":"x","b":" X "}}'
    assert ids(payload, None, "properties.a", "properties.b|trim|lower") == Ids("x", 1, None)


def test_what_is_the_message_id_and_nothing_else() -> None:
    assert is_message_id(keys("messageId"))
    for others in (["messageId|trim"], ["properties.messageId"], ["messageId", "properties.a"], []):
        assert not is_message_id(keys(*others))
