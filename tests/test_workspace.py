"""`archiver.open`: the figures of the command line as frames, exact, typed, and read-only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import CONFIG, Workspace, event, order, receipt

import archiver
from archiver.archive.lock import writing
from archiver.errors import ConfigError, UsageError

INSTANT = pl.Datetime("us", "UTC")
AMOUNT = pl.Decimal(38, 18)
AS_OF = "2026-01-19T12:00:00Z"
EXACT = "1234567890.123456789012345678"


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Two account days, two currencies, two sources, an outage of an hour, a kept run."""
    workspace = Workspace(tmp_path_factory.mktemp("night"))
    workspace.configure(
        CONFIG.replace('sources = ["web"]\n', "").replace(
            "[destinations", '[sources.app]\npaths = ["inbound/app/*"]\n[destinations'
        )
    )
    lost = [order(f"lost{n}", f"2026-01-16T12:{n:02}:00Z") for n in range(12)]
    euros = {"properties": {"order_id": "o", "value": EXACT, "currency": "EUR"}}
    workspace.write(
        "inbound/web/a.gz", order("a"), order("b", "2026-01-16T03:00:00Z", **euros), *lost
    )
    workspace.write("inbound/app/b", event("app", properties={"n": 1.10}), event(None, at=""))
    workspace.write(
        "receipts/a.ndjson",
        receipt("a"),
        receipt("b", at="2026-01-16T03:01:00Z"),
        receipt("stray", at="2026-01-17T00:00:00Z"),
    )
    for command in ("ingest", "receipts", "load"):
        workspace.done(command)
    assert workspace.run("reconcile", "--as-of", AS_OF).code == 3
    yield workspace


def opened(workspace: Workspace) -> Any:
    return archiver.open(workspace.config_path)


def test_gaps_are_the_figures_of_the_report(night: Workspace, tmp_path: Path) -> None:
    frame = opened(night).gaps()
    night.done("report", "--format", "parquet", "--output", tmp_path / "report.parquet")
    assert frame.equals(pl.read_parquet(tmp_path / "report.parquet"))
    assert frame.schema["as_of"] == INSTANT
    assert frame.schema["day"] == pl.Date
    assert frame.schema["value_accepted"] == AMOUNT
    totals = night.done("report", "--json").json["destinations"][0]["totals"]
    assert {name: frame[name].sum() for name in ("expected", "accepted", "gap")} == {
        name: totals[name] for name in ("expected", "accepted", "gap")
    }
    assert frame.filter(currency="EUR")["value_accepted"].sum() == Decimal(EXACT)


def test_gaps_of_some_days_and_of_an_instant(night: Workspace) -> None:
    project = opened(night)
    assert set(project.gaps(to_day="2026-01-15")["day"]) == {date(2026, 1, 15)}
    assert project.gaps("tiktok", date(2026, 1, 16), "2026-01-16")["gap"].sum() == 12
    for as_of in (AS_OF, datetime(2026, 1, 19, 12), datetime(2026, 1, 19, 12, tzinfo=UTC)):
        assert project.gaps(as_of=as_of).equals(project.gaps())


def test_incidents_are_those_of_the_report(night: Workspace) -> None:
    frame = opened(night).incidents()
    (known,) = night.done("report", "--json").json["destinations"][0]["incidents"]
    (row,) = frame.to_dicts()
    assert row["diagnosis"] == known["diagnosis"] == "delivery_outage"
    assert row["starts_at"] == datetime(2026, 1, 16, 12, tzinfo=UTC)
    assert row["conversions"] == known["conversions"] == 12
    assert row["values"] == [{"currency": "USD", "value": Decimal(150)}]
    assert row["is_open"] is known["is_open"]
    assert frame.schema["ratio"] == pl.Decimal(18, 4)
    assert opened(night).incidents(to_day="2026-01-15").is_empty()


def test_events_are_exact_and_in_the_order_of_their_arrival(night: Workspace) -> None:
    frame = opened(night).events()
    assert len(frame) == night.sql("SELECT COUNT(*) AS n FROM events")[0]["n"] == 16
    assert frame["arrival"].drop_nulls().is_sorted()
    assert frame["arrival"][-1] is None
    assert frame.schema["arrival"] == INSTANT
    assert frame.filter(currency="EUR")["value"].to_list() == [Decimal(EXACT)]
    assert frame.filter(message_id="app")["body"].str.json_path_match("$.properties.n")[0] == "1.1"


def test_events_of_a_source_a_range_and_some_columns(night: Workspace) -> None:
    project = opened(night)
    few = project.events(source="app", columns=["message_id", "type"])
    assert few.columns == ["message_id", "type"]
    assert few["message_id"].to_list() == ["app", None]

    def ids(**bounds: Any) -> list[str]:
        return project.events(source="web", columns=["message_id"], **bounds)[
            "message_id"
        ].to_list()

    assert ids(to="2026-01-15") == ["a"]
    assert ids(from_=date(2026, 1, 16), to="2026-01-16T03:00:00Z") == ["b"]
    assert ids(from_=datetime(2026, 1, 16, 12, 11)) == ["lost11"]
    assert len(ids(to=date(2026, 1, 16))) == 14


def test_explain_is_one_row_per_destination(night: Workspace) -> None:
    (row,) = opened(night).explain("a").to_dicts()
    (known,) = night.done("explain", "a", "--json").json["events"]
    (delivery,) = known["deliveries"]
    assert row["status"] == delivery["status"]["status"] == "accepted"
    assert row["explanation"] == delivery["explanation"]
    assert row["value"] == Decimal("12.5")
    assert row["as_of"] == datetime(2026, 1, 19, 12, tzinfo=UTC)
    assert [attempt["outcome"] for attempt in row["delivery_attempts"]] == ["accepted"]
    assert row["occurrences"][0]["paths"] == ["inbound/web/a.gz"]
    (stray,) = opened(night).explain("stray").to_dicts()
    assert (stray["source"], stray["destination"]) == (None, "tiktok")
    assert opened(night).explain("stray").schema == opened(night).explain("a").schema


@pytest.mark.parametrize(
    ("query", "kind", "value"),
    [
        ("1.1::DECIMAL(38,18)", AMOUNT, Decimal("1.1")),
        ("TIMESTAMPTZ '2026-01-15 12:00+02'", INSTANT, datetime(2026, 1, 15, 10, tzinfo=UTC)),
        ("DATE '2026-01-15'", pl.Date, date(2026, 1, 15)),
        ("SUM(2)", pl.Int128, 2),
        ("body.properties", pl.String, '{"n":1.1}'),
        ("{'a': body.properties}", pl.String, '{"a":{"n":1.1}}'),
        ("INTERVAL 1 DAY", pl.String, "1 day"),
        ("'[1]'::JSON", pl.String, "[1]"),
        ("[1, NULL]", pl.List(pl.Int32), [1, None]),
        ("NULL", pl.Null, None),
    ],
)
def test_sql_keeps_types(night: Workspace, query: str, kind: Any, value: Any) -> None:
    grouped = " GROUP BY ALL" if "SUM" in query else ""
    text = f"SELECT {query} AS x FROM events WHERE message_id = $id{grouped} -- as it is"
    frame = opened(night).sql(text, {"id": "app"})
    assert frame.schema == {"x": kind}
    found = frame["x"][0]
    assert (found.to_list() if isinstance(found, pl.Series) else found) == value
    assert opened(night).sql(f"{text}\nLIMIT 0", {"id": "app"}).schema == {"x": kind}


def test_sql_takes_several_statements_and_values_in_order(night: Workspace) -> None:
    project = opened(night)
    assert project.sql("SET threads = 1; SELECT ? + ? AS n;", [1, 2]).rows() == [(3,)]
    assert project.sql("SELECT 1 AS a, 2 AS a").columns == ["a", "a_1"]
    assert project.sql("PRAGMA show_tables").height > 10
    assert project.sql("EXPLAIN SELECT 1").columns == ["explain_key", "explain_value"]


def test_frames_without_rows_keep_their_columns_and_types(
    night: Workspace, workspace: Workspace
) -> None:
    workspace.done("load")
    workspace.done("reconcile", "--as-of", AS_OF)
    full, empty = opened(night), opened(workspace)
    assert empty.gaps().is_empty()
    assert empty.gaps().schema == full.gaps().schema
    assert empty.incidents().schema == full.incidents().schema
    assert empty.events().schema == full.events().schema


def test_errors_are_those_of_the_command_line(night: Workspace, workspace: Workspace) -> None:
    def both(call: Any, *arguments: str, of: Workspace = night) -> None:
        with pytest.raises(archiver.ArchiverError) as raised:
            call(opened(of))
        said = of.run(*arguments).err
        assert f"{raised.value.doing}: {raised.value.why}" in said
        assert raised.value.hint in said

    both(lambda p: p.gaps("tictok"), "report", "--destination", "tictok")
    both(lambda p: p.gaps(as_of="2026-01-01"), "report", "--as-of", "2026-01-01")
    both(lambda p: p.sql("DROP TABLE runs"), "sql", "DROP TABLE runs")
    both(lambda p: p.sql("SELECT nix"), "sql", "SELECT nix")
    both(lambda p: p.sql(" -- nothing"), "sql", " -- nothing")
    both(lambda p: p.explain("nobody"), "explain", "nobody")
    both(lambda p: p.explain("a", as_of="2026-01-01"), "explain", "a", "--as-of", "2026-01-01")
    both(lambda p: p.events("wep"), "ingest", "--source", "wep")
    both(lambda p: p.gaps(), "report", of=workspace)
    both(lambda p: p.sql("SELECT 1"), "sql", "SELECT 1", of=workspace)
    both(lambda p: p.__enter__(), "sql", "SELECT 1", of=workspace)
    with pytest.raises(ConfigError, match="no such file"):
        archiver.open(workspace.folder / "other.toml")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda p: p.gaps(from_day="2026-01-16", to_day="2026-01-15"), "lies before"),
        (lambda p: p.gaps(from_day="16.1.2026"), "no day; write|is no day"),
        (lambda p: p.gaps(from_day=datetime(2026, 1, 16)), "an instant, not a day"),
        (lambda p: p.gaps(as_of="5"), "is no instant"),
        (lambda p: p.events(columns=["mesage_id"]), "did you mean 'message_id'"),
        (lambda p: p.events(columns=[]), "columns is empty"),
        (lambda p: p.sql("SELECT $a", {"b": 1}), "running the query"),
        (lambda p: p.sql("SELECT $a", {"a": Path()}), "running the query"),
    ],
)
def test_what_cannot_be_asked_is_said(night: Workspace, call: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        call(opened(night))


def test_a_block_sees_one_state_and_a_later_call_the_newest(workspace: Workspace) -> None:
    workspace.write("inbound/web/a", order("a"))
    workspace.done("ingest")
    workspace.done("load")
    workspace.done("reconcile", "--as-of", AS_OF)
    project = opened(workspace)
    with project as held:
        workspace.write("inbound/web/b", order("b"))
        for command in (["ingest"], ["load"], ["reconcile", "--as-of", "2026-01-20"]):
            workspace.done(*command)
        assert held.events().height == 1
        assert held.gaps()["expected"].sum() == 1
        assert held.explain("a").height == 1
        assert held.sql("SELECT * FROM reconciliation").height == 1
        with pytest.raises(UsageError, match="'b'"):
            held.explain("b")
    assert project.events().height == 2
    assert project.gaps()["expected"].sum() == 2


def test_reading_needs_no_lock_and_leaves_no_trace(night: Workspace) -> None:
    before = night.listing()
    config = night.config
    with (
        writing(config.archive_root, "nightly"),
        writing(config.warehouse_path, "nightly"),
        opened(night) as project,
    ):
        project.gaps(), project.incidents(), project.events(), project.explain("a")
    after = night.listing()
    assert {name: after[name] for name in before if "lock" not in name} == {
        name: before[name] for name in before if "lock" not in name
    }


def test_importing_and_opening_read_nothing_heavy(workspace: Workspace) -> None:
    program = (
        "import sys, archiver\n"
        "print(*sys.modules)\n"
        f"project = archiver.open({str(workspace.config_path)!r})\n"
        "print(*sys.modules, project)\n"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    imported, opened_too = out.splitlines()
    assert not {"polars", "duckdb", "pyarrow", "msgspec", "click"} & set(imported.split())
    assert not {"polars", "duckdb"} & set(opened_too.split())
    assert "archiver.toml" in opened_too


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(archiver.__file__).parent / "py.typed").exists()
