"""`archiver receipts`: which files are receipts and which are totals, and what is vouched for."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import Workspace, receipt

from archiver.errors import ConfigError

CSV = b"""account_day,event_name,count
2026-01-15,Purchase,10
2026-01-15,Lead,3
2026-01-15,Lead,4
2026-01-15,Lead,-1
2026-01-16,,20
"""


def parquet(message_id: str) -> bytes:
    file = io.BytesIO()
    row = {"message_id": message_id, "failed_stage": "router", "failed_at": 1768477920000000}
    pq.write_table(pa.Table.from_pylist([row]), file)
    return file.getvalue()


FEEDS = """\
[destinations.meta]
type = "meta-capi"
pixel = "none"
account_timezone = "America/New_York"
receipts = []
[[destinations.tiktok.totals]]
paths = ["totals/*.csv"]
kind = "received"
names = { Lead = "SubmitForm" }
"""


def test_the_command_imports_receipts_and_totals(workspace: Workspace) -> None:
    workspace.configure(workspace.config_path.read_text() + FEEDS)
    workspace.write("receipts/r.ndjson", receipt("m1"))
    workspace.write("totals/t.csv", data=CSV)
    result = workspace.run("receipts", "--json")
    assert [file["path"] for file in result.json["files"]] == [
        "receipts/r.ndjson",
        "totals/t.csv",
    ]
    assert set(result.json["files"][1]) == {
        *("path", "file_id", "status", "records", "archived", "quarantined", "bytes", "error")
    }
    assert result.code == 4, "one of five records is bad"
    names = {name for (name,) in workspace.rows("receipt_totals", "event_name")}
    assert names == {"Purchase", "SubmitForm", None}
    # A file that is named goes by the configured feed of its kind.
    other = workspace.write("elsewhere.csv", data=CSV.replace(b"Lead,3", b"Lead,5"))
    named = ("receipts", "--destination", "tiktok", "--totals", "received", other)
    assert workspace.run(*named).code == 4
    assert ("SubmitForm", 9) in workspace.rows("receipt_totals", "event_name", "count")
    assert workspace.run("receipts", "--totals", "received").code == 2
    assert workspace.run(*named[:3], "--totals", "lost", other).code == 2


def test_a_feed_of_failures_is_not_taken_for_a_whole_one(workspace: Workspace) -> None:
    path = workspace.write("a.parquet", data=parquet("a"))
    assert 'reports = "failures"' in workspace.done("receipts", path).err
    workspace.configure(workspace.config_path.read_text() + 'reports = "failures"\n')
    again = workspace.write("b.parquet", data=parquet("b"))
    assert workspace.done("receipts", again).err == ""


def test_the_filter_of_the_configuration_is_applied(workspace: Workspace) -> None:
    workspace.configure(workspace.config_path.read_text() + 'receipts_filter = { to = "us" }\n')
    ours, theirs = receipt("a"), receipt("b")
    shared = (ours[:-1] + b', "to": "us"}', theirs[:-1] + b', "to": "them"}')
    workspace.done("receipts", workspace.write("r.ndjson", *shared))
    assert workspace.rows("receipts", "event_id") == [("a",)]


def test_a_type_of_two_destinations_names_none_of_them(workspace: Workspace) -> None:
    second = FEEDS.split("[[")[0].replace("meta]", "eu]").replace("meta-capi", "tiktok-events")
    workspace.configure(workspace.config_path.read_text() + second)
    request = {
        "sent_at": "2026-01-15T12:00:00Z",
        "destination": "tiktok-events",
        "http_status": 200,
        "request_body": {"data": [{"event_id": "a"}]},
        "response_body": {"code": 0},
    }
    path = workspace.write("log.ndjson", json.dumps(request).encode())
    assert workspace.run("receipts", "--destination", "eu", path).code == 4
    assert workspace.rows("quarantine", "reason") == [("other_destination",)]
    assert workspace.rows("receipts", "event_id") == []


def test_days_vouched_for_begin_in_the_zone_that_held_then(workspace: Workspace) -> None:
    text = workspace.config_path.read_text()
    moved = 'account_timezone_before = [{ until = 2026-01-15T12:00:00Z, zone = "Asia/Tokyo" }]\n'
    workspace.configure(text + moved)
    vouched = workspace.done("receipts", "--covers", "2026-01-14/2026-01-15", "--dry-run").err
    assert "would be vouched for from 2026-01-13T15:00:00Z up to 2026-01-16T05:00:00Z" in vouched


def test_a_range_that_is_vouched_for_stands_in_the_document(workspace: Workspace) -> None:
    path = workspace.write("r.ndjson", receipt("a"))
    covers = ("receipts", path, "--covers", "2026-01-15/2026-01-15", "--json")
    rehearsed = workspace.done(*covers, "--dry-run")
    assert "would be vouched for" in rehearsed.err
    assert rehearsed.json.keys() == {"files", "totals"}
    document = workspace.done(*covers).json
    assert document["covers"] == {
        "destination": "tiktok",
        "start": "2026-01-15T05:00:00Z",
        "end": "2026-01-16T05:00:00Z",
    }
    assert document["totals"]["archived"] == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('kind = "lost"', r"totals\[0\]\.kind"),
        ('format = "generic_csv"', "did you mean 'generic-csv'"),
        ('columns = { account_days = "day" }', "did you mean 'account_day'"),
        ('path = "totals"', "did you mean 'paths'"),
        ('paths = ["data/archive/totals"]', "where the archiver writes"),
        ("names = { Lead = 1 }", "Expected `?str"),
    ],
)
def test_a_feed_of_totals_that_cannot_be_meant_is_refused(
    workspace: Workspace, line: str, told: str
) -> None:
    text = workspace.config_path.read_text() + "[[destinations.tiktok.totals]]\n"
    rest = "" if line.startswith("kind") else 'kind = "received"\n'
    workspace.configure(text + rest + line + "\n")
    with pytest.raises(ConfigError, match=told):
        assert workspace.config
