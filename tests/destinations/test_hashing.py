"""Hash vectors: what comes out is what `printf %s TEXT | sha256sum` prints."""

import hashlib
import json
import sys
from typing import Any

import building
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations import hashing
from archiver.destinations.hashing import is_sha256_hex, sha256_hex


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("test", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ("é", "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
    ],
)
def test_sha256_hex(text: str, digest: str) -> None:
    assert sha256_hex(text) == digest


@given(st.binary(max_size=300))
def test_the_hash_of_something_short_is_sha_256(data: bytes) -> None:
    assert hashing.sha256(data).hexdigest() == hashlib.sha256(data).hexdigest()


def test_without_one_of_its_own_python_has_that_of_openssl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "_sha256", None)
    assert hashing._sha256() is hashlib.sha256


def test_a_lone_surrogate_counts_as_the_replacement_character() -> None:
    assert sha256_hex("a\ud800b") == sha256_hex("a\ufffdb")
    assert sha256_hex("\ud83d\ude00") == sha256_hex("😀")


@pytest.mark.parametrize(
    ("text", "is_hash"),
    [
        ("a1" * 32, True),
        ("A1" * 32, True),
        ("a1" * 31, False),
        ("g1" * 32, False),
        ("١" * 64, False),
    ],
)
def test_is_sha256_hex(text: str, is_hash: bool) -> None:
    assert is_sha256_hex(text) is is_hash


# -- through the forms: how a person's data looks in a request

TIKTOK = building.requests("tiktok-events")
STRICT = building.requests("tiktok-events", strict=True)
RUDDERSTACK = building.requests("tiktok-events", preset="rudderstack")
UPPER = "B5FC85E55755F9E0D030A10AB4429B6B2944855F9A0D60077FE832BECBC41D72"
ADA = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"
SPACED_ADA = "fbd4dff08ce2cb91eef9a5217ee10fcffa41de4bbfca5ce671947e5ab6c1169d"
PHONE = "40d3f4e02db27d66cf4cfdda506c2c945f115a7955cc8491dda98ce5beabcda0"  # +14155550100
CUT = "00a63bd0437d6ca0fa7b95c00ab2e7c020faa71440e5246750d6b517689e6777"  # +12345678901234
WHOLE = "1b4baed9795e95210d08a51886e9d33e5da06189403c2a823c9d92e222ad55e8"  # 15 digits
PLUS = "a318c24216defe206feeb73ef5be00033fa9c4a74d0b967f6532a26ca5906d3b"  # + alone
U_1 = "233b7445f19c4ccd76da63d6c02e2649f63722dbf8d590bc830a77f347975770"  # u 1
DASHED = "a5c4c54b67f38c61ec01818a844eb0cf23192a3438664af3af06037ae5699c9a"  # 415-555-0100


def sent(of: Any, key: str, value: Any) -> Any:
    traits = {"phone": value, "email": value, "first_name": value, "last_name": value}
    address = {"postal_code": value}
    event = {"userId": value, "context": {"traits": {**traits, "address": address}}}
    user = json.loads(of.build_event(json.dumps(event).encode(), "Contact", "m", 0).item)["user"]
    found = user.get(key)
    return found[0] if isinstance(found, list) else found


@pytest.mark.parametrize(
    ("key", "value", "segment", "strict", "rudderstack"),
    [
        ("email", "ada@example.com", ADA, ADA, ADA),
        ("email", "Ada@Example.COM", ADA, ADA, ADA),
        ("email", " ada@example.com ", SPACED_ADA, ADA, ADA),
        ("email", ADA, ADA, ADA, ADA),
        ("email", UPPER, ADA, ADA, ADA),
        ("email", " ", "", "", None),
        (
            "email",
            "JOS\u00c9@ex\u00e1mple.com",
            *("7dc78c9da365ae490650e56348667ef78feed70e5b40b954e40f50f5931b0a62",) * 3,
        ),
        (  # Composed and decomposed letters are different texts, to the hubs too.
            "email",
            "Jose\u0301@example.com",
            *("70d72e4a4d0b058a595bd869112d4662c14264676acff2c866e0a29888d9d62d",) * 3,
        ),
        ("phone", "+14155550100", PHONE, PHONE, PHONE),
        ("phone", " +14155550100 ", PHONE, PHONE, PHONE),
        ("phone", "+1 (415) 555-0100", PHONE, PHONE, None),
        ("phone", "1.415.555.0100", PHONE, PHONE, None),
        ("phone", 14155550100, PHONE, PHONE, None),
        ("phone", "415-555-0100", None, None, DASHED),
        ("phone", "+123456789012345", CUT, WHOLE, WHOLE),
        ("phone", "001 415 555 0100", None, PHONE, None),
        ("phone", "n/a", PLUS, "", None),
        ("phone", UPPER, UPPER, ADA, UPPER),
        ("phone", f" {UPPER} ", None, ADA, UPPER),
        ("external_id", "U 1", U_1, U_1, None),
        ("external_id", " U 1 ", None, U_1, None),
        (
            "first_name",
            " Mary\tAnn ",
            *("16b3f07f0ec2f9dd127b71dc2e6c791b7d93116a1c3bc99d057eaa7a8a077e73",) * 2,
            None,
        ),
        (  # Greek: a sigma at the end of a word.
            "last_name",
            "\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3".replace("\u0399", "\u038a"),
            *("50dc2b4cf4de036127ede3ddc099042016b4c1682d84205994224ec1f2698044",) * 3,
        ),
        (  # Turkish: a dotted capital I.
            "first_name",
            "\u0130brahim",
            *("f918b8fe06e37aa78f014ae71dc2eded9a3b4f83451df1f03bb9c486cec9f811",) * 3,
        ),
        (
            "last_name",
            "\u674e",
            *("c16667ca7839a011a548628372ac24f56500a68088eac17e3e7ee6edf9c54125",) * 3,
        ),
        (
            "zip_code",
            "SW1A 1AA",
            *("830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614",) * 2,
            None,
        ),
    ],
)
def test_vectors(key: str, value: Any, segment: Any, strict: Any, rudderstack: Any) -> None:
    """None: that digest is not at hand, or the preset does not read it from there."""
    for of, expected in ((TIKTOK, segment), (STRICT, strict), (RUDDERSTACK, rudderstack)):
        if expected is not None:
            assert sent(of, key, value) == expected
