-- One row per finding: what is worth a look beside the gap, and changes no figure.
--
-- Parameters: $run_id VARCHAR, $as_of TIMESTAMPTZ, $from_day DATE, $to_day DATE (NULL: no bound).
-- Reads: conversions, recurring_orders, reconciliation (of this run), unmatched, attempted_names,
-- untimed, event_segments (one row per archived event occurrence), destination_sources,
-- account_zones.
-- Source: docs/reconciliation.md, findings.
WITH suspects AS (
  SELECT
    conversions.destination,
    conversions.source,
    conversions.message_id,
    conversions.event_id,
    conversions.event,
    conversions.account_day,
    conversions.arrival,
    conversions.event_time,
    conversions.order_id,
    conversions.value,
    conversions.currency,
    conversions.orders,
    conversions.event_id IS NOT NULL
    AND recurring_orders.order_id IS NOT NULL AS has_recurring_order
  FROM conversions
  LEFT JOIN recurring_orders
    ON
      conversions.destination = recurring_orders.destination
      AND conversions.event = recurring_orders.event
      AND conversions.order_id = recurring_orders.order_id
  WHERE
    conversions.suppressed_reason IS NULL
    AND conversions.account_day >= COALESCE($from_day, conversions.account_day)
    AND conversions.account_day <= COALESCE($to_day, conversions.account_day)
    AND (
      recurring_orders.order_id IS NOT NULL
      OR conversions.orders > 1
      OR (conversions.value IS NOT NULL AND conversions.currency = 'XXX')
      OR conversions.event_time > conversions.arrival + INTERVAL 5 MINUTE
    )
),

refund_occurrences AS (
  SELECT
    event_segments.source,
    event_segments.message_id,
    event_segments.event,
    event_segments.event_time,
    event_segments.arrival,
    event_segments.order_id
  FROM event_segments
  WHERE
    event_segments.arrival <= $as_of
    AND (event_segments.event IN ('Order Refunded', 'Order Cancelled') OR event_segments.value < 0)
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY event_segments.source, event_segments.message_id
      ORDER BY event_segments.arrival, event_segments.file_id, event_segments.record_number
    ) = 1
    OR event_segments.message_id IS NULL
),

refunded_orders AS (
  SELECT DISTINCT
    event_segments.source,
    event_segments.order_id
  FROM event_segments
  INNER JOIN refund_occurrences
    ON
      event_segments.source = refund_occurrences.source
      AND event_segments.order_id = refund_occurrences.order_id
  WHERE
    event_segments.arrival <= $as_of
    AND COALESCE(event_segments.event NOT IN ('Order Refunded', 'Order Cancelled'), TRUE)
    AND COALESCE(event_segments.value >= 0, TRUE)
),

refunds AS (
  SELECT
    destination_sources.destination,
    refund_occurrences.source,
    refund_occurrences.message_id,
    refund_occurrences.event,
    GREATEST(
      LEAST(
        CAST(
          COALESCE(refund_occurrences.event_time, refund_occurrences.arrival)
          AT TIME ZONE account_zones.account_timezone AS DATE
        ),
        DATE '9999-12-31'
      ),
      DATE '0001-01-01'
    ) AS account_day,
    refund_occurrences.order_id
  FROM refund_occurrences
  INNER JOIN destination_sources
    ON refund_occurrences.source = destination_sources.source
  INNER JOIN account_zones
    ON
      destination_sources.destination = account_zones.destination
      AND COALESCE(refund_occurrences.event_time, refund_occurrences.arrival)
      >= account_zones.starts_at
      AND COALESCE(refund_occurrences.event_time, refund_occurrences.arrival)
      < account_zones.ends_at
  LEFT JOIN refunded_orders
    ON
      refund_occurrences.source = refunded_orders.source
      AND refund_occurrences.order_id = refunded_orders.order_id
  WHERE refunded_orders.order_id IS NULL
),

found AS (
  SELECT
    suspects.destination,
    'order_under_several_ids' AS finding,
    suspects.source,
    suspects.message_id,
    suspects.event_id,
    suspects.event,
    suspects.account_day,
    CONCAT('order ', suspects.order_id) AS detail
  FROM suspects
  WHERE suspects.has_recurring_order
  UNION ALL
  SELECT
    suspects.destination,
    'id_on_several_orders' AS finding,
    suspects.source,
    suspects.message_id,
    suspects.event_id,
    suspects.event,
    suspects.account_day,
    CONCAT(CAST(suspects.orders AS VARCHAR), ' orders') AS detail
  FROM suspects
  WHERE suspects.orders > 1
  UNION ALL
  SELECT
    suspects.destination,
    'currency_missing' AS finding,
    suspects.source,
    suspects.message_id,
    suspects.event_id,
    suspects.event,
    suspects.account_day,
    RTRIM(RTRIM(CAST(suspects.value AS VARCHAR), '0'), '.') AS detail
  FROM suspects
  WHERE
    suspects.value IS NOT NULL
    AND suspects.currency = 'XXX'
  UNION ALL
  SELECT
    suspects.destination,
    'time_in_future' AS finding,
    suspects.source,
    suspects.message_id,
    suspects.event_id,
    suspects.event,
    suspects.account_day,
    CONCAT('arrived ', CAST(suspects.arrival AS VARCHAR)) AS detail
  FROM suspects
  WHERE suspects.event_time > suspects.arrival + INTERVAL 5 MINUTE
  UNION ALL
  SELECT
    reconciliation.destination,
    'value_mismatch' AS finding,
    reconciliation.source,
    reconciliation.message_id,
    reconciliation.event_id,
    reconciliation.event,
    reconciliation.account_day,
    CONCAT(
      'event ',
      RTRIM(RTRIM(CAST(reconciliation.value AS VARCHAR), '0'), '.'),
      ' ',
      reconciliation.currency,
      ', receipt ',
      reconciliation.other_amount
    ) AS detail
  FROM reconciliation
  WHERE
    reconciliation.other_amount IS NOT NULL
    AND reconciliation.status <> 'suppressed'
  UNION ALL
  SELECT
    reconciliation.destination,
    'conflict_accepted' AS finding,
    reconciliation.source,
    reconciliation.message_id,
    reconciliation.event_id,
    reconciliation.event,
    reconciliation.account_day,
    NULL AS detail
  FROM reconciliation
  WHERE
    reconciliation.is_conflict
    AND reconciliation.status = 'accepted'
  UNION ALL
  SELECT
    conversions.destination,
    'name_renamed' AS finding,
    conversions.source,
    conversions.message_id,
    conversions.event_id,
    conversions.event,
    conversions.account_day,
    CONCAT('receipts say ', attempted_names.first_name) AS detail
  FROM unmatched
  INNER JOIN attempted_names
    ON
      unmatched.destination = attempted_names.destination
      AND unmatched.event_id = attempted_names.event_id
      AND attempted_names.first_name IS NOT NULL
  INNER JOIN conversions
    ON
      unmatched.destination = conversions.destination
      AND unmatched.event_id = conversions.event_id
      AND unmatched.event = conversions.event
  WHERE
    unmatched.is_conversion
    AND conversions.account_day >= COALESCE($from_day, conversions.account_day)
    AND conversions.account_day <= COALESCE($to_day, conversions.account_day)
  UNION ALL
  SELECT
    refunds.destination,
    'refund_without_order' AS finding,
    refunds.source,
    refunds.message_id,
    refunds.message_id AS event_id,
    refunds.event,
    refunds.account_day,
    COALESCE('order ' || refunds.order_id, 'no order id') AS detail
  FROM refunds
  WHERE
    refunds.account_day >= COALESCE($from_day, refunds.account_day)
    AND refunds.account_day <= COALESCE($to_day, refunds.account_day)
  UNION ALL
  SELECT
    untimed.destination,
    'no_time' AS finding,
    untimed.source,
    untimed.message_id,
    untimed.event_id,
    untimed.event,
    NULL AS account_day,
    NULL AS detail
  FROM untimed
)

SELECT
  $run_id AS run_id,
  found.destination,
  found.finding,
  found.source,
  found.message_id,
  found.event_id,
  found.event,
  found.account_day,
  found.detail
FROM found
ORDER BY
  found.destination,
  found.finding,
  found.account_day,
  found.source,
  found.event_id,
  found.event,
  found.message_id,
  found.detail
