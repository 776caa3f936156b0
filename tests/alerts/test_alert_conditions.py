"""What is wrong after a round."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import IMPORTED_AT, Workspace, event, ingest_files, lines, order

from archiver.alerts.conditions import conditions, failures, hidden, watch_conditions, with_causes
from archiver.alerts.deadlines import deadline_conditions
from archiver.alerts.incidents import ended_outages, gap_conditions, outage_conditions
from archiver.alerts.lost_paths import _is_sure, schema_conditions
from archiver.alerts.model import BadFile, Condition, FailedStep
from archiver.alerts.state import Alerts, state_folder, write_state
from archiver.alerts.words import harmless
from archiver.archive.staging import StagedTable
from archiver.archive.tables import BACKFILLS, INSTANT, UPLOADS, VOIDED_BACKFILLS, Table
from archiver.report.model import DestinationReport, Incident, Report, Row
from archiver.report.threshold import DayOverThreshold
from archiver.warehouse.run_tables import RUN_TABLES

AS_OF = datetime(2026, 1, 19, 12, tzinfo=UTC)
DAY = date(2026, 1, 15)


def at(text: str) -> datetime:
    """An instant of January 2026, as in `15 12:00`."""
    return datetime.strptime(f"2026-01-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def incident(diagnosis: str, start: str, end: str, **more: Any) -> Incident:
    known: dict[str, Any] = {"conversions": 10, "values": {"USD": Decimal(125)}, "is_open": True}
    return Incident(start=at(start), end=at(end), diagnosis=diagnosis, **known | more)


def part(name: str = "tiktok", *incidents: Incident, **more: Any) -> DestinationReport:
    known: dict[str, Any] = {"days": [], "daily_totals": [], "findings": {}, "no_key": 0}
    known |= {"newest_attempt": AS_OF, "newest_arrival": AS_OF, "coverage": "infer"}
    return DestinationReport(
        destination=name,
        account_timezone="America/New_York",
        incidents=list(incidents),
        **known | more,
    )


def report(*parts: DestinationReport) -> Report:
    return Report(None, list(parts))  # type: ignore[arg-type]


@dataclass
class Feed:
    kind: str
    name: str
    newest: datetime | None = None
    allowed: timedelta = timedelta(hours=36)
    since: datetime | None = None
    note: str = ""


def test_an_incident_that_is_over_is_what_its_open_one_was(workspace: Workspace) -> None:
    def told(is_open: bool) -> Report:
        return report(
            part(
                "tiktok",
                incident("delivery_outage", "10 00:00", "10 04:00", is_open=is_open),
                incident("rejections", "10 00:00", "10 04:00", code="4", is_open=is_open),
            )
        )

    over = list(ended_outages(told(is_open=False), workspace.config))
    assert over == list(outage_conditions(told(is_open=True), workspace.config))
    assert list(ended_outages(told(is_open=True), workspace.config)) == []


def test_only_open_incidents_count_and_those_of_one_kind_are_one(workspace: Workspace) -> None:
    found = outage_conditions(
        report(
            part(
                "tiktok",
                incident("delivery_outage", "10 00:00", "10 04:00", is_open=False),
                incident("delivery_outage", "15 12:00", "15 14:00", code="503"),
                incident(
                    "delivery_outage", "15 20:00", "15 22:00", last_safe_upload=at("17 12:00")
                ),
                incident("rejections", "15 12:00", "15 14:00", code="40002"),
                incident("rejections", "15 12:00", "15 14:00", code="40100"),
            )
        ),
        workspace.config,
    )
    first, *refused = found
    assert (first.since, first.until) == (at("15 12:00"), at("15 22:00"))
    assert (first.conversions, first.values) == (20, {"USD": Decimal(250)})
    assert first.deadline == at("17 12:00")
    assert first.next_steps == (
        "archiver report --destination tiktok",
        "archiver backfill --destination tiktok --plan",
    )
    assert [c.subject for c in refused] == ["tiktok rejections 40002", "tiktok rejections 40100"]


def test_a_day_over_the_threshold(workspace: Workspace) -> None:
    counts = dict.fromkeys(
        ("expected", "accepted", "pending", "unknown", "gap", "missing", "failed", "rejected"), 0
    ) | dict.fromkeys(("ambiguous", "conflict", "suppressed", "unarchived", "expired"), 0)
    rows = [
        Row(
            day,
            "Purchase",
            counts | {"gap": 20, "recoverable": 15},
            {"USD": {"gap": Decimal(9)}},
            at("20 05:00"),
            True,
        )
        for day in (DAY, date(2026, 1, 16), date(2026, 1, 17))
    ]
    incidents = [
        incident(
            "delivery_outage",
            "14 12:00",
            "15 05:00",
            is_open=False,
            code="503",
            # To the minute inside: not before the hub has stopped.
            first_safe_upload=at("15 08:59") + timedelta(seconds=1),
            last_safe_upload=at("17 05:00") + timedelta(seconds=59),
        ),
        incident("delivery_outage", "14 12:00", "14 15:00", is_open=False),
        incident("source_outage", "15 12:00", "15 15:00", conversions=0),
    ]
    over = [DayOverThreshold("tiktok", row.day, None, "20 of 99") for row in rows[:2] if row.day]
    (found,) = gap_conditions(
        report(part("meta"), part("tiktok", *incidents, days=rows)), workspace.config, over
    )
    assert (found.destination, found.conversions, found.recoverable) == ("tiktok", 40, 30)
    assert found.values == {"USD": Decimal(18)}
    # Midnight in New York.
    assert found.since == at("15 05:00")
    # It reached into the first of the days in New York; it is over, and the reason.
    assert found.details == (
        "2026-01-15: 20 of 99",
        "2026-01-16: 20 of 99",
        "delivery_outage from 2026-01-14 12:00 UTC to 2026-01-15 05:00 UTC, code 503: "
        "10 conversions; safe to send from 2026-01-15 09:00 UTC to 2026-01-17 05:00 UTC",
    )


def test_what_has_one_cause() -> None:
    def outage(
        name: str, start: str, end: str | None, diagnosis: str = "delivery_outage"
    ) -> Condition:
        return Condition(
            kind="outage",
            subject=name,
            destination=name,
            diagnosis=diagnosis,
            since=at(start),
            until=at(end) if end else None,
        )

    found = with_causes(
        [
            outage("meta", "15 12:00", "15 14:00"),
            outage("tiktok", "15 13:00", "15 15:00"),
            outage("snap", "15 14:30", "15 16:00"),
            outage("ga4", "15 20:00", None),
            replace_(outage("meta", "15 12:00", "15 14:00", "source_outage"), source="web"),
            Condition(kind="gap", subject="tiktok", destination="tiktok"),
            Condition(kind="stale", subject="web", source="web"),
            Condition(kind="failed", subject="ingest web"),
            Condition(kind="failed", subject="report"),
        ]
    )
    assert [c.cause for c in found] == [
        "destination meta",
        "destination meta",
        "destination meta",
        "destination ga4",
        "source web",
        "destination meta",
        "source web",
        "failed ",
        "failed ",
    ]


def replace_(condition: Condition, **changes: Any) -> Condition:
    from msgspec.structs import replace as replaced

    return replaced(condition, **changes)


@pytest.mark.parametrize(
    ("step", "name", "condition", "is_hidden"),
    [
        ("reconcile", None, {"kind": "gap", "destination": "tiktok"}, True),
        ("reconcile", None, {"kind": "outage", "diagnosis": "rejections"}, True),
        ("reconcile", None, {"kind": "outage", "diagnosis": "api_failing"}, False),
        ("load", None, {"kind": "outage", "diagnosis": "api_failing"}, True),
        ("load", None, {"kind": "schema", "source": "web"}, True),
        ("reconcile", None, {"kind": "stale", "source": "web"}, False),
        ("ingest", "web", {"kind": "stale", "source": "web"}, True),
        ("ingest", "web", {"kind": "stale", "source": "app"}, False),
        ("receipts", "tiktok", {"kind": "gap", "destination": "tiktok"}, True),
        ("receipts", "tiktok", {"kind": "gap", "destination": "meta"}, False),
        ("report", None, {"kind": "gap", "destination": "tiktok"}, False),
        ("report", None, {"kind": "failed"}, False),
    ],
)
def test_what_a_failed_step_hides(
    step: str, name: str | None, condition: dict[str, Any], is_hidden: bool
) -> None:
    blind = hidden(failed=[FailedStep(step, name, "why")])
    found = Condition(subject="x", **condition)
    assert any(b.hides(found) for b in blind) == is_hidden


def test_what_a_stale_feed_hides() -> None:
    blind = hidden(stale=[Feed("source", "web"), Feed("destination", "tiktok")])

    def is_hidden(kind: Any, **whom: str) -> bool:
        return any(b.hides(Condition(kind=kind, subject="x", **whom)) for b in blind)

    assert is_hidden("gap", destination="tiktok")
    assert is_hidden("outage", source="web", destination="meta")
    assert not is_hidden("gap", destination="meta")
    # That it is stale can be seen.
    assert not is_hidden("stale", source="web")
    assert not is_hidden("stale", destination="tiktok")


def test_watch_sees_apis_and_its_own_steps(workspace: Workspace) -> None:
    failed = [FailedStep("load", None, "disk full\nand more", "watch")]
    seen = watch_conditions(workspace.config, workspace.archive, as_of=AS_OF, failed=failed, api=[])
    (condition,) = seen.conditions
    assert (condition.subject, condition.details) == ("watch load", ("disk full",))
    nightly = next(failures([FailedStep("load", None, "x")]))
    gap = Condition(kind="gap", subject="tiktok")
    api = Condition(kind="outage", subject="tiktok", diagnosis="api_failing")
    hides = [any(b.hides(c) for b in seen.blind) for c in (condition, nightly, gap, api)]
    assert hides == [False, True, True, False]
    blind = watch_conditions(workspace.config, workspace.archive, as_of=AS_OF).blind
    assert any(b.hides(api) for b in blind)


def test_bad_files_are_told_even_where_the_round_died_before(workspace: Workspace) -> None:
    bad = workspace.write("inbound/web/bad.ndjson", event(), b"{broken", b"{broken")
    good = workspace.write("inbound/web/good.ndjson", *(event(f"m{n}") for n in range(3)))
    ingest_files(workspace.config.archive_root, bad, good)
    archive, folder = workspace.archive, state_folder(workspace.config.archive_root)

    def look(*given: BadFile) -> list[Condition]:
        seen = conditions(
            workspace.config,
            archive,
            as_of=IMPORTED_AT,
            report=None,
            run_folder=None,
            bad_files=given,
        )
        return [c for c in seen.conditions if c.kind == "quarantine"]

    write_state(folder, Alerts(compared_at=IMPORTED_AT - timedelta(days=30)))
    (found,) = look()
    (again,) = look(BadFile("web", found.details[0].partition(":")[0], 2, 3))
    assert (found.source, found.size) == ("web", 2)
    assert found.details[0].endswith("bad.ndjson: 2 of 3 records")
    assert again == found
    assert [harmless(step) for step in found.next_steps] == [*found.next_steps]
    write_state(folder, Alerts(compared_at=IMPORTED_AT))
    assert look() == []


def test_without_a_reconciliation_its_conditions_are_hidden(workspace: Workspace) -> None:
    seen = conditions(
        workspace.config,
        workspace.archive,
        as_of=AS_OF,
        report=None,
        run_folder=None,
        stale=[Feed("source", "web", None)],
        failed=[FailedStep("reconcile", None, "why"), FailedStep("reconcile", None, "why")],
    )
    assert [(c.kind, c.subject) for c in seen.conditions] == [
        ("stale", "web"),
        ("failed", "reconcile"),
    ]
    assert seen.conditions[0].details == ("nothing ever came; allowed are 36 h",)
    gap = Condition(kind="gap", subject="tiktok")
    assert any(b.hides(gap) for b in seen.blind)


def put(workspace: Workspace, table: Table, *rows: dict[str, Any]) -> None:
    archive = workspace.archive
    staged = StagedTable(table, archive.staging)
    staged.add(pa.Table.from_pylist(list(rows), schema=table.schema))
    archive.commit(staged.finish())


def run_with(folder: Path, *rows: dict[str, Any]) -> Path:
    """A kept run's folder with these conversions in its gap."""
    folder.mkdir()
    schema = RUN_TABLES["reconciliation"]
    known = {"destination": "tiktok", "event": "CompletePayment", "event_time": at("19 06:00")}
    known |= {"status": "missing", "currency": "USD", "backfill_deadline": at("19 20:00")}
    pq.write_table(
        pa.Table.from_pylist([known | row for row in rows], schema=schema),
        folder / "reconciliation.parquet",
    )
    record = {
        **{"run_id": "r", "as_of": "2026-01-19T12:00:00Z", "from_day": None, "to_day": None},
        **{"destinations": {}, "parameters": {}, "no_time": {}, "newest_attempts": {}},
        **{"newest_arrivals": {}, "archiver_version": "1"},
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_a_deadline_is_told_unless_it_was_sent(workspace: Workspace, tmp_path: Path) -> None:
    run = run_with(
        tmp_path / "run",
        {"event_id": "lost", "value": Decimal("1.5")},
        {"event_id": "sent", "value": Decimal(8)},
        {"event_id": "written", "value": Decimal(2), "status": "rejected"},
        {"event_id": "void", "value": Decimal(4), "backfill_deadline": at("19 18:00")},
    )
    backfills = {"sent": "b1", "written": "b2", "void": "b3"}
    put(
        workspace,
        BACKFILLS,
        *(
            {"destination": "tiktok", "backfill_id": b, "event_id": e, "event": "CompletePayment"}
            for e, b in backfills.items()
        ),
    )
    put(
        workspace,
        UPLOADS,
        *(
            {"destination": "tiktok", "backfill_id": b, "began_at": at("19 13:00")}
            for b in ("b1", "b3")
        ),
    )
    put(
        workspace,
        VOIDED_BACKFILLS,
        {"destination": "tiktok", "backfill_id": "b3", "voided_at": at("19 14:00")},
    )
    (found,) = deadline_conditions(workspace.config, workspace.archive, run, AS_OF)
    assert (found.conversions, found.values) == (3, {"USD": Decimal("7.5")})
    assert found.deadline == at("19 18:00")
    assert found.details == ("1 of them only with --include rejected: refused",)
    assert found.next_steps[1] == "archiver backfill --destination tiktok"
    for hour, count in (("20 01:00", 0), ("19 11:00", 0), ("19 20:00", 1), ("20 00:00", 1)):
        clock = pa.table({"deadline_hour": pa.array([at(hour), None], INSTANT)})
        pq.write_table(clock, run / "recovery_clock.parquet")
        due = deadline_conditions(workspace.config, workspace.archive, run, AS_OF)
        assert len(list(due)) == count
    later = AS_OF - timedelta(days=1)
    assert list(deadline_conditions(workspace.config, workspace.archive, run, later)) == []


@pytest.mark.parametrize(
    ("hits", "chances", "misses", "is_sure"),
    [
        (100, 100, 3, False),
        (100, 100, 4, True),
        (300, 1000, 30, False),
        (300, 1000, 45, True),
        (3, 3, 50, False),
        (5, 5, 0, False),
        (1, 10_000, 5_000, False),
    ],
)
def test_chance_is_no_change_of_the_schema(
    hits: int, chances: int, misses: int, is_sure: bool
) -> None:
    assert _is_sure(hits, chances, misses) == is_sure


def test_a_conversion_that_lost_a_field(workspace: Workspace) -> None:
    kept = workspace.folder / "kept.json"
    assert schema_conditions(workspace.config, AS_OF, kept) == []
    for day in range(1, 19):
        records = [
            order(f"{day}-{n}", f"2026-01-{day:02d}T12:00:00Z")
            if day < 15
            else event(
                f"{day}-{n}",
                f"2026-01-{day:02d}T12:00:00Z",
                event="Order Completed",
                properties={"order_id": "x", "currency": "USD"},
            )
            for n in range(10)
        ]
        workspace.write(f"inbound/web/{day}.ndjson", data=lines(*records))
    workspace.done("ingest")
    workspace.done("load")
    (found,) = schema_conditions(workspace.config, AS_OF, kept)
    assert (found.source, found.subject, found.size) == ("web", "Order Completed", 1)
    assert found.details == ("$.properties.value is gone since 2026-01-15",)
    assert found.since == at("15 00:00")
    assert found.next_steps == ("archiver schema 'Order Completed' --changes --source web",)
    assert schema_conditions(workspace.config, AS_OF + timedelta(days=30), kept) == []
    # The same day, the same warehouse: not asked again. What is torn is.
    assert schema_conditions(workspace.config, AS_OF, kept) == [found]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archiver.alerts.lost_paths.published", None)
        assert schema_conditions(workspace.config, AS_OF, kept) == [found]
    kept.write_text('{"made_fr')
    assert schema_conditions(workspace.config, AS_OF, kept) == [found]
