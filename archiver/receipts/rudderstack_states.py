"""RudderStack's delivery states: one row per state that a job of its router was in.

Exports of the jobs database as NDJSON, CSV or Parquet. The columns are found by their usual names
or named in `receipts_columns`: `message_id`; `job_state` or `state`; `error_code`;
`error_response`; `exec_time`, `attempted_at` or `updated_at`; `attempt`, `attempt_num` or
`attempt_number`.

| state | outcome |
|---|---|
| succeeded | accepted |
| aborted | by `error_code`, the destination's HTTP status: 401, 403, 429, 500 and 503 failed, \
other 4xx (not 408) rejected, all else unknown |
| failed | an attempt that will be repeated: as above, but a 4xx is failed, not rejected |
| filtered | rejected, code `filtered`: it was never meant to be sent, and only \
`--include rejected` would send it |
| executing, waiting, importing, migrated, migrating, waiting_retry, throttled, wont_migrate, \
not_picked_yet | no receipt: no attempt has ended; `migrated` goes on as another job |

A code of the destination's own in `error_response` goes before state and `error_code`, where
archiver can judge the replies of the destination's type: see `replies`. The router keeps the first
10 kB of a reply, as `{"response": "…"}`; what is cut off there is no JSON, and says nothing.

`executing` precedes each result; were it an attempt that may have landed, everything refused
would be doubtful. `receipts_outcomes` overrides single states, as `{ aborted = "failed" }`.

Source: rudder-server, jobsdb/jobsdb.go for states and columns of job_status (high), router for
what is aborted (medium), router/worker.go for `error_response` (high). Exports are the users' own:
names other than those of the database are guesses (low), and so configurable.
"""

from __future__ import annotations

from archiver.receipts.rows import Feed, RowFormat

_NOT_ATTEMPTS = frozenset(
    {
        "not_picked_yet",
        "executing",
        "waiting",
        "waiting_retry",
        "importing",
        "throttled",
        "migrating",
        "migrated",
        "wont_migrate",
    }
)


class RudderstackStates(RowFormat):
    """One row per job and state."""

    name = "rudderstack-states"
    feed = Feed(
        columns={
            "event_id": ("message_id", "messageId"),
            "event_name": (),
            "event_time": (),
            "outcome": ("job_state", "state"),
            "code": ("error_code",),
            "message": ("error_response",),
            "attempted_at": ("exec_time", "attempted_at", "updated_at"),
            "attempt": ("attempt", "attempt_num", "attempt_number"),
        },
        outcomes={"succeeded": "accepted", "filtered": "rejected"},
        final_by_code=frozenset({"aborted"}),
        open_by_code=frozenset({"failed"}),
        not_attempts=_NOT_ATTEMPTS,
        words_as_codes=frozenset({"filtered"}),
        has_replies=True,
        told_by=(
            frozenset({"job_state", "message_id"}),
            frozenset({"job_state", "messageId"}),
            frozenset({"job_state", "exec_time"}),
            frozenset({"state", "error_code", "message_id"}),
        ),
    )
