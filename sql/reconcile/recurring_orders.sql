-- One row per order id and destination event name that several conversions with different event
-- ids have, over all account days.
--
-- Reads: conversions.
SELECT
  conversions.destination,
  conversions.event,
  conversions.order_id
FROM conversions
WHERE
  conversions.suppressed_reason IS NULL
  AND conversions.order_id IS NOT NULL
  AND conversions.event_id IS NOT NULL
GROUP BY conversions.destination, conversions.event, conversions.order_id
HAVING COUNT(*) > 1
