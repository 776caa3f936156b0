-- One row per conversion of the run's range of account days.
--
-- Parameters: $from_day DATE, $to_day DATE (NULL: no bound).
-- Reads: judged.
SELECT
  judged.run_id,
  judged.destination,
  judged.source,
  judged.message_id,
  judged.event_id,
  judged.event,
  judged.account_day,
  judged.event_time,
  judged.status,
  judged.reason,
  judged.value,
  judged.currency,
  judged.attempts,
  judged.resolved_outcome,
  judged.code,
  judged.match_tier,
  judged.backfill_deadline,
  judged.arrival,
  judged.file_id,
  judged.record_number,
  judged.is_conflict,
  judged.other_amount
FROM judged
WHERE
  judged.account_day >= COALESCE($from_day, judged.account_day)
  AND judged.account_day <= COALESCE($to_day, judged.account_day)
