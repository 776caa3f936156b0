-- One row per finding about a conversion with an event id that is not in the run, or not expected
-- to be delivered. No row: the check holds.
--
-- Without an event id there is nothing to tell conversions apart by. `no_time` and
-- `refund_without_order` are about events, and `name_renamed` also about suppressed conversions.
--
-- Reads: findings, reconciliation (of one run).
SELECT
  findings.destination,
  findings.finding,
  findings.account_day,
  findings.event_id,
  findings.event
FROM findings
LEFT JOIN reconciliation
  ON
    findings.destination = reconciliation.destination
    AND findings.event_id = reconciliation.event_id
    AND findings.event = reconciliation.event
    AND findings.account_day = reconciliation.account_day
WHERE
  findings.event_id IS NOT NULL
  AND findings.finding NOT IN ('no_time', 'refund_without_order')
  AND (
    reconciliation.event_id IS NULL
    OR (reconciliation.status = 'suppressed' AND findings.finding <> 'name_renamed')
  )
ORDER BY
  findings.destination,
  findings.finding,
  findings.account_day,
  findings.event_id,
  findings.event
