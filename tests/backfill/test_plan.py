"""What goes into a backfill beyond the plain case, what is said of it, and `--plan`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from making import (
    AS_OF,
    LATER,
    MADE_AT,
    attempt,
    backfill,
    bodies,
    configure,
    copied,
    listed,
    look,
    make,
    manifest,
    ordered,
    planned,
    prepare,
    reasons,
    sent,
    write,
)
from support import Workspace, order

from archiver.backfill.choices import FullPlan
from archiver.backfill.manifest import left_out, value_texts
from archiver.backfill.plan import TIERS, Order, Tally, decided, tallies
from archiver.errors import UsageError
from archiver.texts import instant_text


def test_ids_of_the_match_key_and_mapped_fields_are_sent(workspace: Workspace) -> None:
    keys = 'match_keys = [{ path = "properties.orderId" }]'
    mapped = 'map = { currency = ["$.properties.unit", "EUR"], "user.email" = "$.work" }'
    bought = {"orderId": "o-7", "value": 5, "unit": "GBP"}
    prepare(workspace, [order("m1", properties=bought, work="A@x.org")], [], f"{keys}\n{mapped}")
    folder = make(workspace)
    ((item,),) = [body["data"] for body in bodies(folder)]
    assert item["event_id"] == "o-7"
    assert item["properties"]["currency"] == "GBP"
    # By sha256sum, of a@x.org.
    assert item["user"]["email"] == [
        "907d7bf93d60cbe6565458bb0fe7e8fac60dffe3561e27cce320947f1a13ef8b"
    ]
    (row,) = listed(folder, "events")
    assert (row["event_id"], row["file"], row["row"]) == ("o-7", "batch-00001.json", "0")


def test_batches_are_cut_by_hour_where_events_get_too_old(workspace: Workspace) -> None:
    times = ("11:59:59.999", "11:00:00", "12:00:00", "10:59:59", "12:59:59")
    events = [order(f"m{n}", f"2026-01-15T{at}Z") for n, at in enumerate(times)]
    prepare(workspace, events, [], 'max_age = "30h"')
    folder = make(workspace)
    rows = listed(folder, "events")
    assert [(row["event_id"], row["file"][6:11], row["row"]) for row in rows] == [
        ("m3", "00001", "0"),
        ("m1", "00002", "0"),
        ("m0", "00002", "1"),
        ("m2", "00003", "0"),
        ("m4", "00003", "1"),
    ]
    assert rows[0]["deadline"] == "2026-01-16T16:59:59Z"
    assert sent(folder) == [row["event_id"] for row in rows]


def test_what_no_request_may_hold_is_left_out_with_its_reason(workspace: Workspace) -> None:
    long = {"order_id": "x" * 3000, "value": 1, "currency": "USD"}
    prepare(workspace, [order("ok"), order("long", properties=long)], [], "max_body_bytes = 2000")
    folder = make(workspace)
    assert (sent(folder), reasons(folder)) == (["ok"], {"long": "unsendable"})
    assert "and one may have 2,000" in listed(folder, "left_out")[0]["detail"]
    # It is not in the ledger either: it was never sent.
    assert workspace.rows("backfills", "event_id") == [("ok",)]


# -- choices

YOUNG, OLD = "2026-01-15T12:00:00Z", "2026-01-14T11:00:00Z"


@pytest.fixture(scope="module")
def _mixed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Of each kind one; worth 2 to the power of its place, in USD."""
    workspace = Workspace(tmp_path_factory.mktemp("mixed"))
    long = {"order_id": "x" * 3000}
    settings = 'pixel = "same_id"\nmax_age = "60h"\nmax_body_bytes = 2500'
    prepare(workspace, [order("earlier", properties=worth(0))], [], settings)
    make(workspace)
    events = [
        order("lost", properties=worth(1)),
        order("maybe", properties=worth(2)),
        order("refused", properties=worth(3)),
        order("old", OLD, properties=worth(4)),
        order("old maybe", OLD, properties=worth(5)),
        order("since", properties=worth(6)),
        order("expired", "2026-01-14T05:00:00Z", properties=worth(7)),
        order("long", properties=worth(8) | long),
        order("long maybe", properties=worth(9) | long),
        order("worthless", "2026-01-15T14:00:00Z", properties={}),
    ]
    attempts = [
        attempt("maybe", "unknown"),
        attempt("long maybe", "unknown"),
        attempt("refused", "rejected"),
        attempt("old maybe", "unknown", "2026-01-14T11:01:00Z"),
        attempt("since", "unknown", "2026-01-17T11:01:00Z"),
    ]
    prepare(workspace, events, attempts, name="b")
    look(workspace, ordered(LATER))
    return workspace


def worth(place: int) -> dict[str, object]:
    return {"value": 2**place, "currency": "USD"}


@pytest.fixture
def mixed(_mixed: Workspace, tmp_path: Path) -> Workspace:
    return copied(_mixed, tmp_path / "mixed")


ORDERS = {
    "plain": ordered(LATER),
    "ambiguous": ordered(LATER, ["ambiguous"]),
    "beyond dedup": ordered(LATER, ["beyond-dedup"]),
    "ambiguous beyond dedup": ordered(LATER, ["ambiguous", "beyond-dedup"]),
    "all": ordered(LATER, TIERS, force=True),
}
SENT = {
    "plain": {"lost", "worthless"},
    "ambiguous beyond dedup": {"lost", "worthless", "maybe", "since", "old", "old maybe"},
    "all": {"lost", "worthless", "earlier", "maybe", "since", "old", "old maybe", "refused"},
}


def said(full: FullPlan) -> dict[str, object]:
    """The figures of a plan, under the names of the manifest."""
    found, sends = full.tallies, full.tallies.get("send", Tally())
    return {
        "backfill_id": full.plan.backfill_id,
        "run_id": full.plan.run_id,
        "events": sends.events,
        "value": value_texts(sends.value),
        "expired": found["expired"].events,
        "expired_value": value_texts(found["expired"].value),
        "left_out_reasons": left_out(found),
        "batches": len(full.built.files),
        "first_deadline": instant_text(full.deadlines.first),
        "notes": full.built.notes,
        "batch_files": [(f.name, f.sha256, f.bytes, f.events) for f in full.built.files],
    }


@pytest.mark.parametrize("name", SENT)
def test_the_plan_s_numbers_are_those_of_what_is_then_written(mixed: Workspace, name: str) -> None:
    full = look(mixed, ORDERS[name])
    folder = write(mixed, ORDERS[name]).path
    about = manifest(folder)
    about["batch_files"] = [
        (entry["name"], entry["sha256"], entry["bytes"], entry["events"])
        for entry in about["files"]
        if entry["events"] is not None
    ]
    figures = said(full)
    assert {key: about[key] for key in figures} == figures
    assert set(sent(folder)) == SENT[name]
    assert about["left_out_reasons"]["unsendable"] == sum(full.unsendable.values())
    assert sum(tally.events for tally in full.deadlines.spans.values()) == len(SENT[name])
    # What was left out, lost and sent is the whole gap.
    assert about["events"] + about["expired"] + about["left_out"] == 11


def test_what_each_choice_adds_is_what_it_then_writes(mixed: Workspace) -> None:
    def added(order: Order) -> dict[str, tuple[int, dict[str, Decimal]]]:
        choices = look(mixed, order).choices
        return {choice.option: (choice.adds.events, choice.adds.value) for choice in choices}

    def usd(*places: int) -> tuple[int, dict[str, Decimal]]:
        return len(places), {"USD": Decimal(sum(2**place for place in places))}

    assert added(ORDERS["plain"]) == {
        "--include ambiguous": usd(2, 6),
        "--include rejected": usd(3),
        "--include beyond-dedup": usd(4),
        "--force": usd(0),
    }
    # Of what is chosen: what would not go without it.
    assert added(ORDERS["all"]) == {
        "--include ambiguous": usd(2, 5, 6),
        "--include rejected": usd(3),
        "--include beyond-dedup": usd(4, 5),
        "--force": usd(0),
    }
    assert added(ORDERS["beyond dedup"]) == {
        "--include ambiguous": usd(2, 5, 6),
        "--include rejected": usd(3),
        "--include beyond-dedup": usd(4),
        "--force": usd(0),
    }


def test_what_is_in_this_backfill_already_is_no_other_s(mixed: Workspace) -> None:
    order = ORDERS["ambiguous"]
    before = look(mixed, order)
    write(mixed, order, MADE_AT + timedelta(hours=6))
    after = look(mixed, order)
    assert (after.choices, after.tallies) == (before.choices, before.tallies)


def test_pixel_and_window_decide(mixed: Workspace) -> None:
    """Each cell: how many are sent plainly, with beyond-dedup, with ambiguous, with both."""
    orders = [
        ORDERS[name] for name in ("plain", "beyond dedup", "ambiguous", "ambiguous beyond dedup")
    ]
    with planned(mixed, ORDERS["plain"]) as plan:

        def sends(pixel: str, window: str) -> list[int]:
            configure(mixed, f'pixel = "{pixel}"\ndedup_window = "{window}"')
            settings = mixed.config.destination("tiktok")
            other = replace(plan, settings=settings)
            with decided(mixed.config, mixed.archive, other, orders) as connection:
                found = [tallies(connection, f"FROM decided_{number}") for number in range(4)]
            return [each.get("send", Tally()).events for each in found]

        # Those that cannot be built are in it still.
        assert sends("none", "48h") == [4, 4, 7, 8]
        assert sends("same_id", "48h") == [3, 4, 6, 8]
        assert sends("other_id", "48h") == [0, 4, 0, 8]
        assert sends("same_id", "30h") == [3, 4, 6, 8]
        assert sends("same_id", "29h") == [1, 4, 1, 8]
        assert sends("same_id", "60h") == [4, 4, 8, 8]


def test_every_risk_taken_is_named(mixed: Workspace) -> None:
    # TikTok gives verdicts, so that --unverified is no risk.
    folder = write(mixed, replace(ORDERS["all"], unverified=True)).path
    rows = listed(folder, "events")
    why = {row["event_id"]: row["why_safe"] for row in rows}
    assert why["lost"] == (
        "no attempt up to the as-of, in a time that the receipts cover; a browser twin has the "
        "same id; inside the de-duplication window: until 2026-01-17T12:00:00Z a repetition with "
        "this id and name does not count"
    )
    assert "RISK: an attempt after the as-of may have landed" in why["since"]
    assert "RISK: a browser twin may have been counted, taken by --include b" in why["old"]
    assert "RISK: an attempt may have landed, taken by --include ambiguous" in why["old maybe"]
    assert "since 2026-01-16T11:00:00Z, taken by --include beyond-dedup" in why["old maybe"]
    assert "refused, and sent again by --include rejected" in why["refused"]
    assert "taken by --force" in why["earlier"]
    assert "verdict" not in why["lost"]
    ambiguous = {row["event_id"] for row in rows if row["status"] == "ambiguous"}
    assert ambiguous == {"maybe", "old maybe", "since"}


def test_deadlines_are_told_by_hours_or_by_days(mixed: Workspace) -> None:
    def at(day: int, hour: int, minute: int = 0) -> datetime:
        return datetime(2026, 1, day, hour, minute, tzinfo=UTC)

    found = look(mixed, ORDERS["all"]).deadlines
    assert (found.first, found.last, found.step) == (at(16, 23), at(18, 2), "hour")
    assert {hour: tally.events for hour, tally in found.spans.items()} == {
        at(16, 23): 2,
        at(18, 0): 5,
        at(18, 2): 1,
    }
    assert found.spans[at(16, 23)].value == {"USD": Decimal(2**4 + 2**5)}


def test_the_command_shows_the_plan_and_writes_nothing(mixed: Workspace) -> None:
    before = mixed.listing()
    document = backfill(mixed, "--plan", as_of=LATER)
    shown = mixed.done("backfill", "--as-of", LATER, "--plan").out
    assert mixed.listing() == before
    assert (document["path"], document["events"], document["batches"]) == (None, 2, 2)
    assert (document["expired"], document["left_out"]) == (1, 8)
    assert document["value"] == {"USD": "2.00"}
    plan = document["plan"]
    assert plan["deadlines"]["first"] == "2026-01-18T00:00:00Z"
    assert plan["deadlines"]["spans"] == [
        {"hour": "2026-01-18T00:00:00Z", "events": 1, "value": {"USD": "2.00"}},
        {"hour": "2026-01-18T02:00:00Z", "events": 1, "value": {}},
    ]
    assert {each["disposition"]: each["events"] for each in plan["dispositions"]} == {
        "send": 2,
        "expired": 1,
        "rejected": 1,
        "ambiguous": 4,
        "in_earlier_backfill": 1,
        "beyond_dedup": 1,
        "unsendable": 1,
    }
    assert [(each["option"], each["events"], each["value"]) for each in plan["choices"]] == [
        ("--include ambiguous", 2, {"USD": "68.00"}),
        ("--include rejected", 1, {"USD": "8.00"}),
        ("--include beyond-dedup", 1, {"USD": "16.00"}),
        ("--force", 1, {"USD": "1.00"}),
    ]
    assert all(each["risk"] and not each["chosen"] for each in plan["choices"])
    for words in ("Nothing was written", "--include ambiguous", "68.00 USD", "may be counted"):
        assert words in shown


def test_a_destination_without_verdicts_needs_the_flag(workspace: Workspace) -> None:
    text = workspace.config_path.read_text()
    ga4 = (
        text.replace('type = "tiktok-events"', 'type = "ga4"')
        .replace('event_source_id = "PIXEL"', 'event_source_id = "G-1"')
        .replace("receipts/*.ndjson", "none/*.ndjson")
    )
    workspace.configure(ga4 + 'reports = "totals"\n')
    result = workspace.run("backfill", "--as-of", AS_OF)
    assert (result.code, "--unverified accepts that" in result.err) == (2, True)
    with pytest.raises(UsageError, match="--unverified"):
        write(workspace, ordered())
    choices = look(workspace, ordered()).choices
    assert (choices[-1].option, choices[-1].is_chosen) == ("--unverified", False)
    assert write(workspace, ordered(unverified=True)).manifest["events"] == 0
