"""CRM events: to the API, and as the file that people upload by hand."""

import csv
import io
import json
from hashlib import sha256
from typing import Any

import building
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.paths import json_path
from archiver.destinations.requests import BuiltEvent, UnsendableEvent

CRM = building.requests("tiktok-events", event_source="crm", event_source_id="SET")
FILE = building.requests("tiktok-events", event_source="crm", as_csv=True)
HEADER = b"Event_type,Timestamp,lead_id,Email,Phone,click_id"


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def row(name: str = "SubmitForm", **members: Any) -> BuiltEvent:
    return FILE.build_event(json.dumps(members).encode(), name, "m", 1768477920_999999)


# -- the API


def test_the_lead_goes_beside_what_a_web_event_has() -> None:
    found = {"lead_id": 7, "lead_event_source": "Sales CRM", "value": 2}
    built = CRM.build_event(json.dumps({"properties": found}).encode(), "SubmitForm", "m", 0)
    sent = json.loads(CRM.body([built.item], built.root))
    assert (sent["event_source"], sent["event_source_id"]) == ("crm", "SET")
    assert sent["data"][0]["lead"] == {"lead_id": "7", "lead_event_source": "Sales CRM"}
    assert sent["data"][0]["properties"]["value"] == 2
    assert sent["data"][0]["user"]["email"] == []


@pytest.mark.parametrize("lead_id", [None, "", {}])
def test_without_a_lead_somebody_must_be_known(lead_id: Any) -> None:
    event: dict[str, Any] = {
        "userId": "u",
        "properties": {"lead_id": lead_id, "email": " ", "phone": " "},
    }
    with pytest.raises(UnsendableEvent, match="neither lead id, e-mail nor phone"):
        CRM.build_event(json.dumps(event).encode(), "SubmitForm", "m", 0)
    event["properties"] |= {"phone": "+1", "lead_id": None, "lead_event_source": "Sales CRM"}
    built = CRM.build_event(json.dumps(event).encode(), "SubmitForm", "m", 0)
    assert "lead" not in json.loads(built.item)


# -- the file


def test_a_row_of_the_file() -> None:
    properties = {"lead_id": "L1", "email": "A@x.io", "phone": "+1 415", "ttclid": "E.C.P."}
    built = row(properties=properties)
    assert built == BuiltEvent(
        f"SubmitForm,2026-01-15T11:52:00Z,L1,{hashed('a@x.io')},{hashed('+1415')},E.C.P.".encode()
    )


def test_the_file_has_a_header_and_comes_apart_again() -> None:
    rows = [row(properties={"lead_id": name}).item for name in ("L1", 'a "b", c', "ünï")]
    body = FILE.body(rows, b"")
    assert body.startswith(HEADER + b"\n") and body.endswith(b"\n")
    assert len(body) == len(FILE.body([], b"")) + sum(len(item) + 1 for item in rows)
    assert FILE.split(body) == (rows, b"")
    assert FILE.split(FILE.body([], b"")) == ([], b"")
    read = list(csv.DictReader(io.StringIO(body.decode())))
    assert [found["lead_id"] for found in read] == ["L1", 'a "b", c', "ünï"]


@pytest.mark.parametrize("body", [b"", HEADER, b"x\n", HEADER + b"\nrow"])
def test_what_is_no_such_file_does_not_come_apart(body: bytes) -> None:
    with pytest.raises(ValueError, match="no CSV of CRM events"):
        FILE.split(body)


def test_it_is_uploaded_by_hand() -> None:
    assert (FILE.url, FILE.headers) == (None, ())
    assert FILE.file_name.format(7) == "upload-00007.csv"
    assert [f.name for f in FILE.fields] == [
        *("user.phone", "user.email", "user.ttclid", "lead.lead_id")
    ]


@pytest.mark.parametrize("unfit", ["=1+1", "+1", "-1", "@x", "a\nb", "a\r", "\tb"])
def test_an_id_that_could_be_a_formula_or_a_line_is_left_out(unfit: str) -> None:
    built = row(properties={"lead_id": unfit, "email": "a@x.io", "ttclid": unfit})
    assert built.item == f"SubmitForm,2026-01-15T11:52:00Z,,{hashed('a@x.io')},,".encode()
    assert len(built.notes) == 2
    with pytest.raises(UnsendableEvent, match="neither lead id, e-mail nor phone"):
        row(properties={"lead_id": unfit})
    with pytest.raises(UnsendableEvent, match="event name"):
        row(unfit, properties={"lead_id": "L1"})


def test_one_column_takes_the_first_of_several() -> None:
    built = row(properties={"email": [" ", "b@x.io", "c@x.io"]})
    assert hashed("b@x.io").encode() in built.item
    assert len(built.notes) == 1


def test_nobody_at_all_is_unsendable() -> None:
    with pytest.raises(UnsendableEvent, match="neither lead id, e-mail nor phone"):
        row(userId="u", properties={"ttclid": "c"})


def test_columns_can_be_taken_from_elsewhere() -> None:
    ours = building.requests(
        "tiktok-events",
        event_source="crm",
        as_csv=True,
        overrides={"lead_id": (json_path("$.properties.tiktok_lead"),)},
    )
    built = ours.build_event(b'{"properties":{"tiktok_lead":"T"}}', "Lead", "m", 0)
    assert built.item == b"Lead,1970-01-01T00:00:00Z,T,,,"


@pytest.mark.parametrize("source", ["web", "app", "offline"])
def test_there_is_no_file_of_other_events(source: str) -> None:
    with pytest.raises(ValueError, match=f"no CSV of event_source '{source}'"):
        building.requests("tiktok-events", event_source=source, as_csv=True)


@given(st.lists(st.text() | st.none(), min_size=4, max_size=4))
def test_every_row_is_one_line_of_six_fields(texts: list[Any]) -> None:
    properties = dict(zip(("lead_id", "email", "phone", "ttclid"), texts, strict=True))
    try:
        built = row(properties=properties)
    except UnsendableEvent:
        return
    assert b"\n" not in built.item
    (fields,) = csv.reader(io.StringIO(built.item.decode(), newline=""))
    assert len(fields) == 6
    assert not any(field[:1] in "=+-@" for field in fields if field)
