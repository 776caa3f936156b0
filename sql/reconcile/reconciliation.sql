-- One row per conversion of the run's range of account days.
--
-- Parameters: $run_id VARCHAR, $from_day DATE, $to_day DATE (NULL: no bound).
-- Reads: judged.
SELECT
  $run_id AS run_id,
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
  judged.backfill_deadline,
  judged.arrival,
  judged.file_id,
  judged.record_number
FROM judged
WHERE
  judged.account_day >= COALESCE($from_day, judged.account_day)
  AND judged.account_day <= COALESCE($to_day, judged.account_day)
ORDER BY
  judged.destination,
  judged.account_day,
  judged.event,
  judged.event_time,
  judged.event_id,
  judged.source,
  judged.file_id,
  judged.record_number
