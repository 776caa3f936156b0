"""Hash vectors: personal data in Meta's form, as documented and as Segment has it."""

import json
from typing import Any

import building
import pytest

from archiver.destinations import meta_forms
from archiver.destinations.fields import Form
from archiver.destinations.paths import json_path
from archiver.destinations.requests import Requests

JOHN = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"  # john_smith@gmail.com
PHONE = "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"  # 16505551212
MARY = "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"
JEONG = "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"  # 정
VALERY = "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"  # valéry
CALIFORNIA = "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"  # ca
NEW_YORK = "1b06e2003f8420d6fa42badd8f77ec0f706b976b7a48b13c567dc5a559681683"  # ny
MUNICH = "f75c175f552c8b2bf46ef4b282ee782c81cf8687f66a8fe8278cc56fa727503e"  # münchen
FIVE_DIGITS = "e73ac16e69f060ee98b0fda5f66f48c4648ee26950e9bab3a097389853fd859e"  # 94105
LONDON_ZIP = "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"  # sw1a1aa
GERMANY = "959a45d44e6fcf58361ed004681556fe50129f2109e817dec098c00c9e5d2578"  # de
BIRTHDAY = "7eaa6e2f3dca12acc11ad21625299f660e38a7510de1e12cf2013dd5274d2926"  # 19900517
MALE = "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a"  # m


@pytest.mark.parametrize(
    ("form", "text", "digest"),
    [
        (meta_forms.EMAIL, "John_Smith@gmail.com", JOHN),
        (meta_forms.EMAIL, " john_smith@gmail.com\u3000", JOHN),
        (meta_forms.EMAIL, JOHN.upper(), JOHN),
        (meta_forms.EMAIL, " \t", None),
        (meta_forms.PHONE, "+1 (650) 555-1212", PHONE),
        (meta_forms.PHONE, "001.650.555.1212", PHONE),
        (meta_forms.PHONE, "call me", None),
        (meta_forms.NAME, "Mary", MARY),
        (meta_forms.NAME, " M'a-r y. ", MARY),
        (meta_forms.NAME, "정", JEONG),
        (meta_forms.NAME, "Valéry", VALERY),
        (meta_forms.NAME, "VALÉRY", VALERY),
        (meta_forms.CITY, "München 8", MUNICH),
        (meta_forms.STATE, "CA", CALIFORNIA),
        (meta_forms.STATE, "C.A.", CALIFORNIA),
        (meta_forms.STATE, "New York", NEW_YORK),
        (meta_forms.ZIP, "94105-1234", FIVE_DIGITS),
        (meta_forms.ZIP, " 94105\n", FIVE_DIGITS),
        (meta_forms.ZIP, "SW1A-1AA", LONDON_ZIP),
        (meta_forms.ZIP, "SW1A 1AA", LONDON_ZIP),
        (meta_forms.COUNTRY, "DE", GERMANY),
        (meta_forms.COUNTRY, "Germany", GERMANY),
        (meta_forms.COUNTRY, "Deutschland", None),
        (meta_forms.BIRTHDAY, "1990-05-17", BIRTHDAY),
        (meta_forms.BIRTHDAY, "19900517", BIRTHDAY),
        (meta_forms.BIRTHDAY, "1990/05/17", BIRTHDAY),
        (meta_forms.BIRTHDAY, "1990-05-17T00:00:00.000Z", BIRTHDAY),
        (meta_forms.BIRTHDAY, "1990-05", None),
        (meta_forms.BIRTHDAY, "1990-13-40", None),
        (meta_forms.BIRTHDAY, "17.05.1990", None),
        (meta_forms.GENDER, " Male", MALE),
        (meta_forms.GENDER, "other", None),
    ],
)
def test_the_documented_forms(form: Form, text: str, digest: str | None) -> None:
    assert form.apply(text) == digest


MAPPED = {
    "user_data.ge": (json_path("$.context.traits.gender"),),
    "user_data.country": (json_path("$.context.traits.address.country"),),
}


@pytest.mark.parametrize(
    ("field", "trait", "value", "digest"),
    [
        ("em", "email", " John_Smith@ gmail.com\n", JOHN),
        ("em", "email", JOHN.upper(), JOHN),
        ("em", "email", [JOHN], JOHN),
        ("em", "email", " ", None),
        ("ph", "phone", "+1 (650) 555-1212", PHONE),
        ("ph", "phone", 16505551212, PHONE),
        (  # Leading zeros stay: 0016505551212.
            *("ph", "phone", "001 650 555 1212"),
            "93c223c380ee33afa332c15b5b8b7da097e26cc6048f2af4ee5ae6f9ba99efbe",
        ),
        ("ph", "phone", PHONE.upper(), PHONE.upper()),
        ("ph", "phone", f"{PHONE} ", f"{PHONE} "),
        ("ph", "phone", f"{PHONE} +1 650 555 1212", None),
        ("ph", "phone", "call me", None),
        ("fn", "firstName", "Mary ", MARY),
        ("fn", "firstName", "VALÉRY", VALERY),
        (  # Punctuation stays: o'neil.
            *("ln", "lastName", "O'Neil"),
            "eb1aed4f494ca276a88d3161252e48e0fe703f32666fe44fe4652f660b82cda4",
        ),
        ("ct", "address.city", "MÜNCHEN", MUNICH),
        ("st", "address.state", "New  York", NEW_YORK),
        (  # d.c.
            *("st", "address.state", "D.C."),
            "1b1ace8d73b1ab257cd7e7255c5fbcea6b80e75cdc0f14e26aaa7161e9bb7404",
        ),
        ("zp", "address.postalCode", "SW1A 1AA", LONDON_ZIP),
        (  # 94105-1234
            *("zp", "address.postalCode", "94105-1234"),
            "8419808b12022b49f3b3724a6a2a8f3f8798fdf48376fbe8722a6de43fa3c5a9",
        ),
        ("country", "address.country", "Germany", GERMANY),
        ("country", "address.country", "DE", GERMANY),
        (  # uk
            *("country", "address.country", "UK"),
            "83116acf18e4dc4414762f584ff43d9979ff2c2b0e9e48fbc97b21e23d7004ec",
        ),
        (  # 1990-05-17
            *("db", "birthday", "1990-05-17"),
            "7e9284d7145e31c8e2b24a07999ea040618cd0e8ccc53774dc98de36211c3b19",
        ),
        ("ge", "gender", "Male", MALE),
        ("ge", "gender", "männlich", None),
    ],
)
def test_segments_forms(field: str, trait: str, value: object, digest: str | None) -> None:
    assert _user_data(trait, value, strict=False).get(field) == digest


@pytest.mark.parametrize(
    ("field", "trait", "value", "digest"),
    [
        ("ph", "phone", "001 650 555 1212", PHONE),
        ("ph", "phone", f"{PHONE.upper()} ", PHONE),
        ("fn", "firstName", "M.ary", MARY),
        ("zp", "address.postalCode", "94105-1234", FIVE_DIGITS),
        ("db", "birthday", "1990-05-17", BIRTHDAY),
        ("country", "address.country", "Deutschland", None),
    ],
)
def test_strict_follows_the_documentation(
    field: str, trait: str, value: object, digest: str | None
) -> None:
    assert _user_data(trait, value, strict=True).get(field) == digest


def test_segment_removes_white_space_even_inside_an_external_id_and_strict_only_around() -> None:
    joined = "16b3f07f0ec2f9dd127b71dc2e6c791b7d93116a1c3bc99d057eaa7a8a077e73"  # maryann
    spaced = "343b97011010c3549fe7fcd6c226ed9431ea37b0b77ed78f6300a0098925faf1"  # mary ann
    event = {"userId": " Mary Ann ", "messageId": "m", "timestamp": "2026-01-15"}
    found = [
        _sent(building.requests("meta-capi", strict=strict), event) for strict in (False, True)
    ]
    assert [item["user_data"]["external_id"] for item in found] == [[joined], [spaced]]


def _user_data(trait: str, value: object, *, strict: bool) -> dict[str, object]:
    traits: dict[str, object] = {trait: value}
    if "." in trait:
        part, _, name = trait.partition(".")
        traits = {part: {name: value}}
    event = {
        "messageId": "m-1",
        "timestamp": "2026-01-15T11:52:00Z",
        "anonymousId": "a-1",
        "context": {"traits": traits},
    }
    of = building.requests("meta-capi", strict=strict, overrides=MAPPED)
    found: dict[str, object] = _sent(of, event)["user_data"]
    return found


def _sent(of: Requests, event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(building.build(of, "PageView", event).item)
    return found
