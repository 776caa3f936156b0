"""Hash vectors: what comes out is what `printf %s TEXT | sha256sum` prints."""

import pytest

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
