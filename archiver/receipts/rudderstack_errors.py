"""RudderStack's error index: one row per event that it gave up on, and at which stage.

It comes as Parquet, `{source id}/{YYYY-MM-DD}/{hour}/….parquet`, with `message_id, source_id,
destination_id, transformation_id, tracking_plan_id, failed_stage, event_type, event_name,
received_at, failed_at` (microseconds since 1970); exports of it as NDJSON or CSV are read as well.
It lists failures only: set `reports = "failures"`, or every delivered event looks lost.
`receipts_filter = { destination_id = "…" }` says which rows are ours. A row without a destination
id comes from a stage before the fan-out, and is about all of them.

| failed_stage | outcome |
|---|---|
| tracking_plan_validator, user_transformer, event_filter, dest_transformer, destination_filter, \
gateway | rejected: it never left RudderStack, and was given up for good |
| router, batch_router | unknown |
| any other, or none | unknown: it failed, and nobody can say where |

The stage is the receipt's code. A row of an unlisted stage is kept: in quarantine it would be
silence, by which its event would be inferred to be accepted.

The index has neither status nor reply, and the router aborts both what the destination refuses
and what it has retried for hours: time-outs are among those, and one of them may have landed.
`unknown` is the one outcome by which nothing is ever sent twice without being asked for; where it
is known that the destination recognises repeated ids in time, `receipts_outcomes = { router =
"failed" }` says so. `event_name` is the inbound name and not the destination's: the receipt has
none, and so stands for every conversion with its id.

Source: rudder-server, enterprise/reporting/error_index/{types,error_index_reporting}.go for the
columns (high); router, batchrouter and processor: only aborted jobs are listed (high);
utils/types/reporting_types.go for the stages (high). What a stage means for delivery: our reading
(medium).
"""

from __future__ import annotations

from archiver.receipts.rows import Feed, RowFormat

_BEFORE_DELIVERY = (
    "gateway",
    "destination_filter",
    "tracking_plan_validator",
    "user_transformer",
    "event_filter",
    "dest_transformer",
)


class RudderstackErrors(RowFormat):
    """One row per event and stage."""

    name = "rudderstack-errors"
    feed = Feed(
        columns={
            "event_id": ("message_id", "messageId"),
            "event_name": (),
            "event_time": (),
            "outcome": ("failed_stage", "failedStage"),
            "code": ("failed_stage", "failedStage"),
            "message": ("event_name", "eventName"),
            "attempted_at": ("failed_at", "failedAt"),
        },
        outcomes={
            **dict.fromkeys(_BEFORE_DELIVERY, "rejected"),
            "router": "unknown",
            "batch_router": "unknown",
        },
        told_by=(
            frozenset({"message_id", "failed_stage", "failed_at"}),
            frozenset({"messageId", "failedStage", "failedAt"}),
        ),
        unlisted="unknown",
        is_for_all=True,
    )
