"""The demo gives the figures that sample_data/README.md promises, from a checkout and a wheel."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import venv
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from archiver.cli.main import run

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = json.loads((ROOT / "sample_data" / "expected.json").read_text(encoding="utf-8"))


def archiver(*arguments: str, cwd: Path, python: str = sys.executable) -> str:
    done = subprocess.run(
        [python, "-m", "archiver", *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    (folder / "story.txt").write_text(archiver("demo", cwd=folder))
    return folder / "demo"


@pytest.fixture(scope="module")
def report(demo: Path) -> dict[str, Any]:
    return json.loads(archiver("report", "--format", "json", cwd=demo))


def rows(demo: Path, query: str) -> list[dict[str, Any]]:
    return json.loads(archiver("sql", query, "--json", cwd=demo))


def test_imports_count_what_was_planted(demo: Path) -> None:
    for source in ("web", "mobile"):
        promised = EXPECTED["ingest"][source]
        (found,) = rows(
            demo,
            "SELECT COUNT(*) AS imported, SUM(records) AS records, SUM(archived) AS archived,"
            f" SUM(quarantined) AS quarantined FROM inbound_files WHERE source = '{source}'",
        )
        assert found == {name: promised[name] for name in found}
        (events,) = rows(demo, f"SELECT COUNT(*) AS n FROM events WHERE source = '{source}'")
        assert events["n"] == EXPECTED["warehouse"][source]["events"]
        (recurring,) = rows(
            demo,
            f"SELECT COUNT(*) AS n FROM events WHERE source = '{source}' AND occurrences > 1",
        )
        assert recurring["n"] == EXPECTED["warehouse"][source]["repeated_ids"]


def test_receipts_are_judged_as_planted(demo: Path) -> None:
    found = rows(demo, "SELECT outcome, COUNT(*) AS n FROM receipts GROUP BY outcome")
    assert {row["outcome"]: row["n"] for row in found} == EXPECTED["receipts"]["by_outcome"]


def test_report_shows_the_promised_rows(report: dict[str, Any]) -> None:
    (found,) = report["destinations"]
    (promised,) = EXPECTED["destinations"]
    found_rows = {(row["day"], row["event"]): row for row in found["days"]}
    promised_rows = {(row["day"], row["event"]): row for row in promised["days"]}
    assert found_rows.keys() == promised_rows.keys()
    for key, row in promised_rows.items():
        _agree(found_rows[key], row)
    _agree(found["totals"], promised["totals"])


def _agree(found: dict[str, Any], promised: dict[str, Any]) -> None:
    for name, value in promised.items():
        if name == "value":
            assert found["value"].keys() == value.keys()
            for currency, terms in value.items():
                assert {term: found["value"][currency][term] for term in terms} == terms
        else:
            assert found[name] == value, name


def test_report_shows_the_planted_incidents(report: dict[str, Any]) -> None:
    found = {
        (i["diagnosis"], i["start"], i["end"]): i for i in report["destinations"][0]["incidents"]
    }
    promised = EXPECTED["destinations"][0]["incidents"]
    assert len(found) == len(promised) == 2
    for incident in promised:
        shown = found[incident["diagnosis"], incident["start"], incident["end"]]
        counted = "gap_" if incident["diagnosis"] == "delivery_outage" else ""
        assert shown["conversions"] == incident[f"{counted}conversions"]
        promised_value = incident[f"{counted}value"]
        assert {c: v for c, v in shown["value"].items() if v != "0.00"} == {
            c: v for c, v in promised_value.items() if v != "0.00"
        }


def test_queries_of_the_readme_give_the_figures_of_the_report(
    demo: Path, report: dict[str, Any]
) -> None:
    queries = _readme_queries()
    assert all(len(query.splitlines()) <= 10 for query in queries.values())
    found = {name: rows(demo, query) for name, query in queries.items()}
    (part,) = report["destinations"]
    totals, money = part["totals"], part["totals"]["value"]
    assert {row["owner"]: row["quarantined"] for row in found["Imported files"]} == {
        **{source: EXPECTED["ingest"][source]["quarantined"] for source in ("mobile", "web")},
        "tiktok": 0,
    }
    figures = ("expected", "accepted", "unknown", "gap")
    table = {(r["account_day"], r["event"]): r for r in found["The table"]}
    for row in (r for r in part["days"] if r["expected"]):
        shown = table[row["day"], row["event"]]
        assert {name: shown[name] for name in figures} == {name: row[name] for name in figures}
    assert {name: table[None, None][name] for name in figures} == {
        name: totals[name] for name in figures
    }
    gaps = {row["currency"]: row["gap"] for row in found["The money"] if not row["account_day"]}
    assert {c: Decimal(v) for c, v in gaps.items() if v} == {
        c: Decimal(terms["gap"]) for c, terms in money.items() if Decimal(terms["gap"])
    }
    statuses: Counter[str] = Counter()
    for row in found["Why"]:
        statuses[row["status"]] += row["conversions"]
    assert all(totals[status] == count for status, count in statuses.items())
    clock = {row["deadline_hour"]: row for row in found["The recovery clock"]}
    assert {tick["deadline"]: tick["conversions"] for tick in part["recovery_clock"]} == {
        hour: row["conversions"] for hour, row in clock.items()
    }
    assert sum(row["conversions"] for row in clock.values()) == totals["recoverable"] - 1
    assert found["Until when"] == [
        {
            "recoverable": totals["recoverable"],
            "expired": totals["expired"],
            "first_deadline": totals["backfill_deadline"],
        }
    ]
    silence, outage = part["incidents"]
    hours = [row["hour"] for row in found["The outage"]]
    assert (hours[0], hours[-1]) == (outage["start"], "2026-01-16T05:00:00Z")
    assert outage["end"] == "2026-01-16T06:00:00Z"
    (cost,) = found["What it cost"]
    assert (cost["conversions"], cost["code"]) == (outage["conversions"], outage["code"])
    assert {c: Decimal(cost[c.lower()]) for c in ("USD", "CAD")} == {
        c: Decimal(outage["value"][c]) for c in ("USD", "CAD")
    }
    assert cost["first_safe"] == outage["first_safe_upload"]
    assert cost["last_safe"] == outage["last_safe_upload"]
    (quiet,) = found["The silence"]
    assert (quiet["conversions"], Decimal(quiet["usd"])) == (
        silence["conversions"],
        Decimal(silence["value"]["USD"]),
    )
    assert found["Unarchived"] == [{"unarchived": totals["unarchived"]}]
    assert found["How far the feeds reach"][0]["receipts"] == EXPECTED["receipts"]["newest_attempt"]
    assert {row["finding"]: row["count_star()"] for row in found["Findings"]} == {
        name: count for name, count in part["findings"].items() if count
    }
    (backfill,) = found["The backfill"]
    assert backfill["events"] == EXPECTED["backfill"]["events"]


def _readme_queries() -> dict[str, str]:
    """Those in the README's list of the demo's figures, by their headings."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = text.partition("<summary>Every figure of the demo")[2].partition("</details>")[0]
    queries = {}
    for part in listed.split("\n**")[1:]:
        heading, _, rest = part.partition("**")
        lines = [line[4:] for line in rest.splitlines() if line.startswith("    ")]
        queries[heading] = "\n".join(lines)
    return queries


def test_backfill_holds_exactly_the_recoverable_losses(demo: Path) -> None:
    (folder,) = (demo / "backfills" / "tiktok").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    promised = EXPECTED["backfill"]
    assert manifest["events"] == promised["events"]
    assert manifest["expired"] == promised["expired"]
    assert manifest["value"] == promised["value"]
    assert manifest["left_out_reasons"] == promised["not_by_default"]
    sent = [
        event["event_id"]
        for batch in sorted(folder.glob("batch-*.json"))
        for event in json.loads(batch.read_text())["data"]
    ]
    with open(folder / "events.csv", newline="") as file:
        listed = [row["event_id"] for row in csv.DictReader(file)]
    lost = rows(
        demo,
        "SELECT event_id FROM reconciliation WHERE status IN ('missing', 'failed')"
        " AND backfill_deadline >= '2026-01-19 12:00:00+00'",
    )
    assert sent == listed
    assert sorted(sent) == sorted(row["event_id"] for row in lost)


def test_story_ends_with_files_and_queries_that_work(demo: Path) -> None:
    story = (demo.parent / "story.txt").read_text()
    ending = story[story.index("The backfill files:") :].splitlines()
    files = [line.strip() for line in ending if line.startswith("  demo/")]
    commands = [line.strip() for line in ending if line.startswith("  archiver ")]
    queries = [command for command in commands if " sql " in command]
    assert commands[-1] == "archiver --config demo/archiver.toml drill"
    assert {Path(name).name for name in files} >= {
        "batch-00001.json",
        "events.csv",
        "expired.csv",
        "manifest.json",
    }
    assert all((demo.parent / name).exists() for name in files)
    assert len(queries) == 2
    for query in queries:
        command = query.replace("archiver ", f"{sys.executable} -m archiver ", 1)
        done = subprocess.run(command, shell=True, cwd=demo.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) > 4


def test_demo_removes_nothing_but_a_demo(tmp_path: Path) -> None:
    work = tmp_path / "archiver.toml"
    work.write_text("# my own work\n")
    code = run(["demo", str(tmp_path)])
    assert code == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["archiver.toml"]
    assert work.read_text() == "# my own work\n"


def test_a_step_that_fails_ends_the_demo_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("archiver.cli.demo.EXIT_DONE", 99)
    assert run(["demo", str(tmp_path / "demo")]) == 1
    err = capsys.readouterr().err
    assert f"running archiver --config {tmp_path}/demo/archiver.toml ingest: it ended with" in err
    assert "unexpected" not in err


def test_sample_data_is_what_its_generator_makes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "sample_data" / "generate.py", "--output", tmp_path], check=True
    )
    for path in sorted(tmp_path.rglob("*")):
        committed = ROOT / "sample_data" / path.relative_to(tmp_path)
        if path.is_file():
            assert _content(path) == _content(committed), path.name


def _content(path: Path) -> bytes:
    import gzip

    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def test_wheel_carries_sql_and_sample_data(tmp_path: Path) -> None:
    """Installed elsewhere, without the checkout, the demo runs."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    # The dependencies come from this environment, the package only from the wheel.
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    here = Path(pytest.__file__).resolve().parents[1]
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "dependencies.pth").write_text(f"{here}\n")
    python = str(tmp_path / "venv" / "bin" / "python")
    where = subprocess.run(
        [python, "-c", "import archiver; print(archiver.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(site) in where
    assert "The backfill files:" in archiver("demo", cwd=tmp_path, python=python)
    page = ("--config", "demo/archiver.toml", "report", "--format", "html")
    assert "969 of 7,872 conversions" in archiver(*page, cwd=tmp_path, python=python)
