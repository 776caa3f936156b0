"""The report: the same figures on the terminal, as JSON, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pytest
from support import CONFIG, Workspace, order, receipt

from archiver.report.model import FINDINGS, build_report
from archiver.report.status import read_status
from archiver.warehouse.runs import kept_runs

AS_OF = ("--as-of", "2026-01-19T12:00:00Z")


@pytest.fixture
def reconciled(workspace: Workspace) -> Workspace:
    """Three days: all well; two of four lost, in two currencies; nothing at all, then one."""
    euros = {"value": "1,234.50", "currency": "eur"}
    workspace.write(
        "inbound/web/a.ndjson",
        order("a1", "2026-01-14T12:00:00Z"),
        order("b1", "2026-01-15T12:00:00Z"),
        order("b2", "2026-01-15T13:00:00Z"),
        order("b3", "2026-01-15T14:00:00Z", properties=euros),
        order("b4", "2026-01-15T15:00:00Z", integrations={"All": False}),
        order("d1", "2026-01-18T20:00:00Z"),
    )
    workspace.write(
        "receipts/a.ndjson",
        receipt("a1", at="2026-01-14T12:00:05Z"),
        receipt("b1", at="2026-01-15T12:00:05Z"),
        receipt("b2", "failed", at="2026-01-15T13:00:05Z"),
        receipt("d1", at="2026-01-18T20:00:05Z"),
        receipt("stranger", at="2026-01-18T20:00:05Z"),
    )
    workspace.done("ingest")
    workspace.done("receipts")
    workspace.run("reconcile", *AS_OF)
    return workspace


def test_terminal_says_first_what_was_lost(reconciled: Workspace) -> None:
    text = reconciled.done("report").out
    assert "2 of 5 conversions did not arrive, worth 1,234.50 EUR and 12.50 USD." in text
    assert "2 are young enough to be sent again." in text
    assert "gap: 1 missing (no receipt at all) · 1 failed (not delivered)" in text
    assert "suppressed: 1 (must not be delivered, so not expected)" in text
    assert "unarchived: 1 (receipts for events that the archive does not have)" in text
    assert (
        "feeds: events reach up to 2026-01-18 20:00 UTC, receipts up to 2026-01-18 20:00 UTC"
        in text
    )


def test_terminal_fits_100_columns_and_lines_money_up(reconciled: Workspace) -> None:
    lines = reconciled.done("report").out.splitlines()
    assert max(map(len, lines)) <= 100
    (header,) = [line for line in lines if "gap USD" in line]
    (day,) = [line for line in lines if line.strip().startswith("2026-01-15")]
    (total,) = [line for line in lines if line.strip().startswith("total")]
    for column, amount in (("gap EUR", "1,234.50"), ("gap USD", "12.50")):
        end = header.index(column) + len(column)
        for line in (day, total):
            assert line[:end].endswith(amount)


def test_terminal_marks_provisional_days(reconciled: Workspace) -> None:
    lines = reconciled.done("report").out.splitlines()
    marked = [line.split()[0] for line in lines if " ~ " in line]
    assert marked == ["2026-01-16", "2026-01-17", "2026-01-18"]
    assert any(line.strip().startswith("~: the day is provisional") for line in lines)


def test_many_currencies_get_a_table_of_their_own(workspace: Workspace) -> None:
    currencies = ["AUD", "BRL", "CAD", "CHF", "EUR", "GBP", "JPY", "USD"]
    workspace.write(
        "inbound/web/a.ndjson",
        *(
            order(c, "2026-01-15T12:00:00Z", properties={"value": 123456789.01, "currency": c})
            for c in currencies
        ),
    )
    workspace.write("receipts/a.ndjson", receipt("x", at="2026-01-18T20:00:05Z"))
    workspace.done("ingest")
    workspace.done("receipts")
    workspace.run("reconcile", *AS_OF)
    text = workspace.done("report").out
    assert max(map(len, text.splitlines())) <= 100
    for currency in currencies:
        (line,) = [row for row in text.splitlines() if row.split()[:1] == [currency]]
        assert line.split()[1:] == ["123,456,789.01", "0.00", "123,456,789.01"]


def test_json_has_every_day_and_exact_decimals(reconciled: Workspace) -> None:
    document = reconciled.done("report", "--format", "json").json
    (part,) = document["destinations"]
    assert document["as_of"] == "2026-01-19T12:00:00Z"
    assert [row["day"] for row in part["days"]] == [f"2026-01-{day}" for day in range(14, 19)]
    lost = part["days"][1]
    assert lost["value"]["EUR"]["gap"] == "1234.50"
    assert lost["value"]["USD"]["expected"] == "25.00"
    assert lost["value"]["USD"]["suppressed"] == "12.50"
    empty = part["days"][2]
    assert (empty["expected"], empty["value"], empty["provisional"]) == (0, {}, True)


def test_csv_and_parquet_add_up_to_the_json(reconciled: Workspace, tmp_path: Path) -> None:
    totals = reconciled.done("report", "--json").json["destinations"][0]["totals"]
    lines = list(csv.DictReader(io.StringIO(reconciled.done("report", "--format", "csv").out)))
    assert sum(int(line["expected"] or 0) for line in lines) == totals["expected"]
    assert sum(int(line["gap"] or 0) for line in lines) == totals["gap"]
    path = tmp_path / "report.parquet"
    reconciled.done("report", "--format", "parquet", "--output", path)
    frame = polars.read_parquet(path)
    euros = frame.filter(polars.col("currency") == "EUR")["value_gap"].sum()
    assert f"{euros:.2f}" == totals["value"]["EUR"]["gap"]
    assert frame["missing"].sum() == totals["missing"]


def test_output_goes_to_a_file(reconciled: Workspace, tmp_path: Path) -> None:
    for name, option in (("a.json", "json"), ("a.csv", "csv"), ("a.txt", "table")):
        result = reconciled.done("report", "--format", option, "--output", tmp_path / name)
        assert result.out == ""
        assert (tmp_path / name).read_text() == reconciled.done("report", "--format", option).out


def test_days_can_be_picked_from_a_kept_run(reconciled: Workspace) -> None:
    part = reconciled.done("report", "--json", "--from", "2026-01-15", "--to", "2026-01-15").json
    (row,) = part["destinations"][0]["days"]
    assert (row["day"], row["gap"]) == ("2026-01-15", 2)


def test_repeating_a_run_gives_the_same_bytes(reconciled: Workspace) -> None:
    first = reconciled.done("report", "--json").out
    before = reconciled.listing()
    reconciled.done("reconcile", *AS_OF)
    assert reconciled.done("report", "--json").out == first
    after = reconciled.listing()
    runs = {name for name in before if "/runs/" in name}
    assert runs and all(after[name] == before[name] for name in runs)


def test_an_earlier_run_stays_and_is_found_by_its_instant(reconciled: Workspace) -> None:
    reconciled.run("reconcile", "--as-of", "2026-01-15T20:00:00Z")
    reconciled.run("reconcile", "--as-of", "2026-01-20T12:00:00Z")
    found = [
        reconciled.done("report", "--json", *options).json["as_of"]
        for options in ((), AS_OF, ("--as-of", "2026-01-15T20:00:00Z"))
    ]
    assert found == ["2026-01-20T12:00:00Z", "2026-01-19T12:00:00Z", "2026-01-15T20:00:00Z"]
    result = reconciled.run("report", "--as-of", "2025-01-01")
    assert result.code == 2
    assert "none is kept for that" in result.err


def test_without_a_run_it_says_what_to_do(workspace: Workspace) -> None:
    result = workspace.run("report")
    assert result.code == 2
    assert "archiver reconcile" in result.err


def test_threshold_needs_both_ratio_and_number(reconciled: Workspace) -> None:
    def code(**settings: Any) -> int:
        text = reconciled.config_path.read_text()
        for name, value in settings.items():
            text += f"{name} = {value}\n"
        return run_with(reconciled, text)

    assert code(min_gap=2, max_gap_ratio=0.1) == 3
    assert code(min_gap=3, max_gap_ratio=0.1) == 0
    assert code(min_gap=1, max_gap_ratio=0.7) == 0


def run_with(workspace: Workspace, text: str) -> int:
    kept = workspace.config_path.read_text()
    workspace.configure(text)
    code = workspace.run("reconcile", *AS_OF).code
    workspace.configure(kept)
    return code


def test_a_kept_run_of_an_earlier_version_is_still_shown(reconciled: Workspace) -> None:
    (run,) = kept_runs(reconciled.config.warehouse_path)
    for table in ("daily_totals", "findings"):
        (run / f"{table}.parquet").unlink()
    start = datetime(2026, 1, 15, 12, tzinfo=UTC)
    incident = {"destination": "tiktok", "starts_at": start, "diagnosis": "delivery_outage"}
    polars.DataFrame([{**incident, "ends_at": start, "conversions": 3}]).write_parquet(
        run / "incidents.parquet"
    )
    polars.DataFrame([{**incident, "currency": "USD", "value": Decimal("37.5")}]).write_parquet(
        run / "incident_values.parquet"
    )
    record = json.loads((run / "run.json").read_text())
    for name in ("reports", "pixel", "totals_tolerance"):
        del record["parameters"]["tiktok"][name]
    (run / "run.json").write_text(json.dumps(record | {"no_time": {"tiktok": 4}}))
    (part,) = reconciled.done("report", "--json").json["destinations"]
    assert part["incidents"] == [
        {
            **{"start": "2026-01-15T12:00:00Z", "end": "2026-01-15T12:00:00Z"},
            **{"diagnosis": "delivery_outage", "conversions": 3, "value": {"USD": "37.50"}},
            **dict.fromkeys(("source", "code", "ratio", "is_open")),
            **dict.fromkeys(("first_safe_upload", "last_safe_upload")),
        }
    ]
    assert part["findings"]["no_time"] == part["totals"]["no_time"] == 4
    assert part["findings"]["value_mismatch"] is None, "nobody looked for it"
    assert part["totals_by_day"] == []
    text = reconciled.done("report").out
    assert "delivery outage from 2026-01-15 12:00" in text
    assert "4 no_time" in text
    (status,) = reconciled.run("status", "--json").json["open"]
    assert (status["open_incidents"], status["past_incidents"]) == (0, 1)


def test_findings_are_those_of_the_shown_days(reconciled: Workspace) -> None:
    (run,) = kept_runs(reconciled.config.warehouse_path)
    found = [("no_time", None), ("no_time", None), ("currency_missing", date(2026, 1, 15))]
    polars.DataFrame(
        [
            {"destination": name, "finding": finding, "account_day": day}
            for finding, day in found
            for name in ("tiktok", "meta")
        ]
    ).write_parquet(run / "findings.parquet")

    def counted(**days: date) -> tuple[int, int]:
        (part,) = build_report(run, **days).destinations
        assert part.findings.keys() == {*FINDINGS}
        return part.findings["no_time"], part.findings["currency_missing"]

    assert counted() == (2, 1)
    assert counted(from_day=date(2026, 1, 15), to_day=date(2026, 1, 15)) == (2, 1)
    assert counted(from_day=date(2026, 1, 16)) == (2, 0)
    assert counted(to_day=date(2026, 1, 14)) == (2, 0)


def test_status_says_what_ran_how_far_feeds_reach_and_what_is_open(reconciled: Workspace) -> None:
    status = reconciled.run("status", "--json").json
    assert status["last_runs"]["ingest"]["exit_code"] == 0
    assert status["last_runs"]["reconcile"]["exit_code"] in (0, 3)
    assert status["last_runs"]["backfill"] is None
    assert {feed["name"]: feed["reaches_up_to"] for feed in status["feeds"]} == {
        "web": "2026-01-18T20:00:00Z",
        "tiktok": "2026-01-18T20:00:05Z",
    }
    (part,) = status["open"]
    assert (part["gap"], part["gap_value"]) == (2, {"EUR": "1234.50", "USD": "12.50"})
    text = reconciled.run("status").out
    assert "never" in text and "gap 2" in text


def test_the_clock_of_status_goes_on_after_the_run(reconciled: Workspace) -> None:
    reconciled.configure(CONFIG + 'max_age = "7d"\n')
    reconciled.run("reconcile", *AS_OF)
    (at_the_run,) = json.loads(reconciled.done("report", "--json").out)["destinations"]
    assert [tick["deadline"] for tick in at_the_run["recovery_clock"]] == [
        "2026-01-22T13:00:00Z",
        "2026-01-22T14:00:00Z",
    ]
    assert at_the_run["without_deadline"] == {"conversions": 0, "value": {}}
    now = datetime(2026, 1, 22, 13, 30, tzinfo=UTC)
    (part,) = read_status(reconciled.config, reconciled.archive, now)["open"]
    euros = {"conversions": 1, "value": {"EUR": "1234.50"}}
    assert part["recovery"] == {
        "now": "2026-01-22T13:30:00Z",
        "next_deadline": "2026-01-22T14:00:00Z",
        "within_day": euros,
        "ahead": euros,
        "without_deadline": {"conversions": 0, "value": {}},
        "expired_since": {"conversions": 1, "value": {"USD": "12.50"}},
    }


def test_an_upload_is_no_reach_of_the_feed(reconciled: Workspace) -> None:
    event = {"event": "CompletePayment", "event_id": "b3", "event_time": 1768485600}
    upload = {
        "sent_at": "2026-01-19T10:00:00Z",
        "archiver_upload": "b1",
        "http_status": 200,
        "request_body": {"event_source": "web", "event_source_id": "PIXEL", "data": [event]},
        "response_body": {"code": 0, "message": "OK"},
    }
    path = reconciled.write("backfills/tiktok/b1/upload-00001.ndjson", json.dumps(upload).encode())
    reconciled.done("receipts", "--destination", "tiktok", path)
    reconciled.run("reconcile", *AS_OF)
    (part,) = reconciled.done("report", "--json").json["destinations"]
    assert (part["totals"]["accepted"], part["totals"]["gap"]) == (4, 1)
    assert "receipts up to 2026-01-18 20:00 UTC" in reconciled.done("report").out
    feeds = reconciled.run("status", "--json").json["feeds"]
    assert {feed["reaches_up_to"] for feed in feeds if feed["kind"] == "receipts"} == {
        "2026-01-18T20:00:05Z"
    }


def test_an_output_that_cannot_be_made_is_a_usage_error(
    reconciled: Workspace, tmp_path: Path
) -> None:
    for command in (("report", "--format", "csv"), ("sql", "SELECT 1", "--format", "csv")):
        result = reconciled.run(*command, "--output", tmp_path / "absent" / "x.csv")
        assert result.code == 2
        assert "name a path that can be written" in result.err


def test_a_source_that_fell_silent_is_not_reported_as_all_well(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", order("a", "2026-01-14T12:00:00Z"))
    workspace.write(
        "receipts/a.ndjson",
        receipt("a", at="2026-01-14T12:00:05Z"),
        *(receipt(f"lost{n}", at="2026-01-16T12:00:00Z") for n in range(3)),
    )
    workspace.done("ingest")
    workspace.done("receipts")
    workspace.done("reconcile", *AS_OF)
    text = " ".join(workspace.done("report").out.split())
    assert "No event arrived in the last 24 hours (the newest is of 2026-01-14 12:00 UTC)" in text
    assert "No gap among the settled conversions" not in text
    assert "events are missing in the archive" in text


def test_a_run_that_only_a_backfill_needed_is_not_the_last_run(reconciled: Workspace) -> None:
    asked = reconciled.done("report", "--json").json["run_id"]
    reconciled.done(
        "backfill", "--from", "2026-01-18", "--to", "2026-01-18", "--as-of", "2026-01-19T12:00:00Z"
    )
    assert reconciled.done("report", "--json").json["run_id"] == asked
    assert reconciled.run("status", "--json").json["open"][0]["run_id"] == asked
    (latest,) = reconciled.sql("SELECT run_id FROM runs WHERE is_latest")
    assert latest["run_id"] == asked


def test_a_run_over_some_days_says_so_and_shows_no_others(reconciled: Workspace) -> None:
    reconciled.done("reconcile", *AS_OF, "--from", "2026-01-18", "--to", "2026-01-18")
    text = reconciled.done("report").out
    assert "Only the days from 2026-01-18 to 2026-01-18 were reconciled." in text
    part = reconciled.done("report", "--json", "--from", "2026-01-15").json["destinations"][0]
    assert part["totals"]["gap"] == 2, "the run that has these days is shown"
    assert reconciled.run("status", "--json").json["open"][0]["gap"] == 2


def test_amounts_that_cancel_out_are_still_shown(workspace: Workspace) -> None:
    for day, value in ((15, 100), (16, -100)):
        workspace.write(
            f"inbound/web/{day}.ndjson",
            order(
                f"m{day}",
                f"2026-01-{day}T12:00:00Z",
                properties={"value": value, "currency": "CHF"},
            ),
        )
    workspace.write("receipts/a.ndjson", receipt("x", at="2026-01-18T20:00:05Z"))
    workspace.done("ingest")
    workspace.done("receipts")
    workspace.done("reconcile", *AS_OF)
    assert "gap CHF" in workspace.done("report").out


def test_an_absurd_amount_blocks_nothing(workspace: Workspace) -> None:
    absurd = {"value": "9" * 25, "currency": "Jane@Example.com"}
    workspace.write(
        "inbound/web/a.ndjson",
        *(order(f"m{n}", "2026-01-15T12:00:00Z", properties=absurd) for n in range(3)),
        order("b", "2026-01-15T12:00:00Z"),
    )
    workspace.write("receipts/a.ndjson", receipt("x", at="2026-01-18T20:00:05Z"))
    workspace.done("ingest")
    workspace.done("receipts")
    workspace.done("reconcile", *AS_OF)
    (part,) = workspace.done("report", "--json").json["destinations"]
    assert (part["totals"]["gap"], list(part["totals"]["value"])) == (4, ["USD"])
