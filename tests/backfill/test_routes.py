"""Once the whole way, from archived events to files, for each other way to send them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from making import AS_OF, backfill, bodies, listed, make, manifest, prepare, reasons
from support import Workspace, event, order

from archiver.backfill.route import route_of
from archiver.destinations.hashing import sha256_hex
from archiver.errors import ConfigError, UsageError


def test_the_hub_can_send_them_again(workspace: Workspace) -> None:
    prepare(workspace, [order("one", userId="u"), event("other")])
    folder = Path(backfill(workspace, "--via", "segment-http")["path"])
    about = manifest(folder)
    assert (about["via"], about["type"]) == ("segment-http", "tiktok-events")
    assert about["url"] == "https://api.segment.io/v1/batch"
    (line,) = about["upload"]["curl"]
    assert '-u "$SEGMENT_WRITE_KEY:"' in line
    ((item,),) = [body["batch"] for body in bodies(folder)]
    assert (item["messageId"], item["timestamp"]) == ("one", "2026-01-15T12:00:00Z")
    assert item["integrations"] == {"All": False, "TikTok Conversions": True}
    (row,) = listed(folder, "events")
    assert (row["event_id"], row["file"], row["row"]) == ("one", "batch-00001.json", "0")
    assert workspace.rows("backfills", "event_id") == [("one",)]


def test_the_hub_needs_to_know_the_destination_by_name(workspace: Workspace) -> None:
    text = workspace.config_path.read_text()
    workspace.configure(text + 'preset = "rudderstack"\n')
    settings = workspace.config.destination("tiktok")
    with pytest.raises(ConfigError, match="segment-http is how segment sends again"):
        route_of("tiktok", settings, "segment-http")
    workspace.configure(text + 'integration = "My TikTok"\n')
    route = route_of("tiktok", workspace.config.destination("tiktok"), "segment-http")
    payload = json.dumps({"type": "track", "event": "E", "messageId": "m", "userId": "u"}).encode()
    item = json.loads(route.requests.build_event(payload, "CompletePayment", "m", 0).item)
    assert item["integrations"] == {"All": False, "My TikTok": True}


GA4 = """\
[archive]
root = "data/archive"
[warehouse]
path = "data/warehouse"
[sources.web]
paths = ["inbound/web/**/*"]
[destinations.tiktok]
type = "ga4"
event_source_id = "G-1"
pixel = "none"
account_timezone = "America/New_York"
receipts = ["receipts/*.ndjson"]
"""


def test_google_analytics_takes_them_unverified(workspace: Workspace) -> None:
    workspace.configure(GA4)
    at = "2026-01-15T12:00:00.5Z"
    bought = {"value": 12.5, "currency": "USD", "products": [{"product_id": "p", "name": "P"}]}
    people = {"one": "u", "two": "v", "three": "u"}
    events = [
        order(name, at, userId=people[name], properties=bought | {"order_id": name})
        for name in people
    ]
    prepare(workspace, events)
    with pytest.raises(UsageError, match="--unverified accepts that"):
        make(workspace)
    folder = make(workspace, AS_OF, unverified=True)
    about = manifest(folder)
    assert (about["events"], about["batches"], about["unverified"]) == (3, 2, True)
    rows = {row["event_id"]: row for row in listed(folder, "events")}
    for row in rows.values():
        assert row["why_safe"] == (
            "no attempt up to the as-of, in a time that the receipts cover; no browser twin; the "
            "destination recognises no repetition: sent twice, it counts twice; RISK: there will "
            "be no verdict, taken by --unverified"
        )
        assert row["deadline"] == "2026-01-18T12:00:00.5Z"
    # The root of a body is one person's.
    assert rows["one"]["file"] == rows["three"]["file"] != rows["two"]["file"]
    instant = 1768478400500000
    for body in bodies(folder):
        assert body["timestamp_micros"] == instant
        assert {each["name"] for each in body["events"]} == {"purchase"}
        ids = [each["params"]["transaction_id"] for each in body["events"]]
        assert ids == {"u": ["one", "three"], "v": ["two"]}[body["client_id"]]
    assert about["upload"]["curl"][1].endswith(
        '"https://www.google-analytics.com/mp/collect?api_secret=$GA4_API_SECRET&measurement_id=G-1"'
    )


def test_a_file_of_leads_is_for_uploading_by_hand(workspace: Workspace) -> None:
    text = workspace.config_path.read_text().replace('pixel = "none"\n', "")
    workspace.configure(text + 'event_source = "crm"\nupload_as = "csv"\nmax_events = 2\n')
    properties = {"value": 5, "currency": "USD"}
    leads = [order(name, properties={**properties, "lead_id": f'"{name}"'}) for name in "abc"]
    nobody = order("nobody", properties=properties)
    prepare(workspace, [*leads, nobody, order("d", context={"traits": {"email": "A@x.org"}})])
    folder = Path(backfill(workspace)["path"])
    assert sorted(path.name for path in folder.glob("upload-*")) == [
        "upload-00001.csv",
        "upload-00002.csv",
    ]
    rows = []
    for path in sorted(folder.glob("upload-*.csv")):
        with open(path, newline="") as file:
            rows += list(csv.DictReader(file))
    assert [(row["lead_id"], row["Email"]) for row in rows] == [
        *((f'"{name}"', "") for name in "abc"),
        ("", sha256_hex("a@x.org")),
    ]
    assert {(row["Event_type"], row["Timestamp"]) for row in rows} == {
        ("CompletePayment", "2026-01-15T12:00:00Z")
    }
    assert reasons(folder) == {"nobody": "unsendable"}
    assert [(row["event_id"], row["file"], row["row"]) for row in listed(folder, "events")] == [
        ("a", "upload-00001.csv", "0"),
        ("b", "upload-00001.csv", "1"),
        ("c", "upload-00002.csv", "0"),
        ("d", "upload-00002.csv", "1"),
    ]
    about = manifest(folder)
    assert (about["url"], about["upload"]["curl"], about["batches"]) == (None, [], 2)
    said = workspace.done("backfill", "--as-of", AS_OF).out
    assert "These files are for uploading by hand" in said
    assert "archiver upload" not in said
