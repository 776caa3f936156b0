-- One row per event of a backfill, with its file and why it is safe to send it: what is known of
-- it, what happens if the destination has it already, and every risk that was taken on request.
-- An event of which an attempt after the as-of may have landed is listed as `ambiguous`, whatever
-- its status in the run.
--
-- Parameters: $pixel VARCHAR (`none`, `same_id`, `other_id`); $dedup_window_us BIGINT,
-- microseconds, NULL where the destination recognises no repeated event; $unverified BOOLEAN, the
-- destination gives no verdicts.
-- Reads: planned (one row per conversion in the gap, with its final disposition, file and row).
-- Source: docs/backfill.md, What goes in.
WITH sent_events AS (
  SELECT
    planned.*,
    planned.status = 'ambiguous' OR planned.is_unknown_since AS is_ambiguous,
    STRFTIME(
      planned.event_time + TO_MICROSECONDS($dedup_window_us), '%Y-%m-%dT%H:%M:%SZ'
    ) AS dedup_ends_at
  FROM planned
  WHERE planned.disposition = 'send'
),

worded AS (
  SELECT
    sent_events.*,
    CASE
      WHEN sent_events.status = 'missing'
        THEN 'no attempt up to the as-of, in a time that the receipts cover'
      WHEN sent_events.status = 'failed' AND sent_events.attempts = 1
        THEN
          'its one attempt up to the as-of was not taken'
          || COALESCE(' (code ' || sent_events.code || ')', '')
      WHEN sent_events.status = 'failed'
        THEN
          'none of its ' || sent_events.attempts || ' attempts up to the as-of was taken'
          || COALESCE(' (last code ' || sent_events.code || ')', '')
      WHEN sent_events.status = 'rejected'
        THEN
          'refused' || COALESCE(' with code ' || sent_events.code, '')
          || ', and sent again by --include rejected'
      ELSE 'RISK: an attempt may have landed, taken by --include ambiguous'
    END AS known_of_it,
    CASE
      WHEN sent_events.status <> 'ambiguous' AND sent_events.is_unknown_since
        THEN 'RISK: an attempt after the as-of may have landed, taken by --include ambiguous'
    END AS known_since,
    CASE
      WHEN sent_events.earlier_backfill_id IS NOT NULL
        THEN
          'RISK: also in the unsettled backfill ' || sent_events.earlier_backfill_id
          || ', taken by --force'
    END AS other_backfill,
    CASE
      WHEN $pixel = 'none' THEN 'no browser twin'
      WHEN $pixel = 'other_id'
        THEN
          'RISK: the browser pixel may have counted it under another id, taken by --include'
          || ' beyond-dedup'
      WHEN sent_events.is_within_dedup THEN 'a browser twin has the same id'
      ELSE 'RISK: a browser twin may have been counted, taken by --include beyond-dedup'
    END AS browser_twin,
    CASE
      WHEN sent_events.is_within_dedup
        THEN
          'inside the de-duplication window: until ' || sent_events.dedup_ends_at
          || ' a repetition with this id and name does not count'
      WHEN sent_events.is_ambiguous AND $dedup_window_us IS NULL
        THEN
          'RISK: the destination recognises no repetition, taken by --include beyond-dedup'
      WHEN sent_events.is_ambiguous
        THEN
          'RISK: beyond the de-duplication window, counted from the event time, since '
          || sent_events.dedup_ends_at
          || ', taken by --include beyond-dedup'
      WHEN $dedup_window_us IS NULL
        THEN 'the destination recognises no repetition: sent twice, it counts twice'
      ELSE
        'beyond the de-duplication window, counted from the event time, since '
        || sent_events.dedup_ends_at
        || ': sent twice, it may count twice'
    END AS repetition,
    CASE WHEN $unverified THEN 'RISK: there will be no verdict, taken by --unverified' END
      AS no_verdict
  FROM sent_events
)

SELECT
  worded.event_id,
  worded.event,
  worded.event_time,
  CASE WHEN worded.is_ambiguous THEN 'ambiguous' ELSE worded.status END AS status,
  CONCAT_WS(
    '; ',
    worded.known_of_it,
    worded.known_since,
    worded.other_backfill,
    worded.browser_twin,
    worded.repetition,
    worded.no_verdict
  ) AS why_safe,
  worded.file,
  worded.row,
  worded.backfill_deadline AS deadline,
  worded.value,
  CASE WHEN worded.value IS NOT NULL THEN worded.currency END AS currency
FROM worded
ORDER BY worded.position
