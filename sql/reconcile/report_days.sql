-- One row per destination, account day of the range and event name: every name that occurs by
-- every day, so that a day on which nothing happened is a row too. Without bounds the range goes
-- from the first to the last day with a row; a hole of more than 366 days in it (a stray time far
-- in the past or the future) is not filled.
--
-- Parameters: $from_day DATE, $to_day DATE (NULL: no bound).
-- Reads: judged, unarchived.
-- Source: DESIGN §6.
WITH rows_of_both_sides AS (
  SELECT DISTINCT
    judged.destination,
    judged.account_day,
    judged.event
  FROM judged
  UNION
  SELECT
    unarchived.destination,
    unarchived.account_day,
    unarchived.event
  FROM unarchived
),

names AS (
  SELECT DISTINCT
    rows_of_both_sides.destination,
    rows_of_both_sides.event
  FROM rows_of_both_sides
),

days_with_rows AS (
  SELECT DISTINCT
    rows_of_both_sides.destination,
    rows_of_both_sides.account_day
  FROM rows_of_both_sides
  WHERE
    rows_of_both_sides.account_day >= COALESCE($from_day, rows_of_both_sides.account_day)
    AND rows_of_both_sides.account_day <= COALESCE($to_day, rows_of_both_sides.account_day)
  UNION
  SELECT
    names.destination,
    $from_day AS account_day
  FROM names
  WHERE $from_day IS NOT NULL
  UNION
  SELECT
    names.destination,
    $to_day AS account_day
  FROM names
  WHERE $to_day IS NOT NULL
),

next_days AS (
  SELECT
    days_with_rows.destination,
    days_with_rows.account_day,
    LEAD(days_with_rows.account_day) OVER (
      PARTITION BY days_with_rows.destination
      ORDER BY days_with_rows.account_day
    ) AS next_day
  FROM days_with_rows
),

days AS (
  SELECT
    next_days.destination,
    CAST(
      UNNEST(
        GENERATE_SERIES(
          CAST(next_days.account_day AS TIMESTAMP),
          CAST(
            CASE
              WHEN
                next_days.next_day - next_days.account_day <= 366
                OR ($from_day IS NOT NULL AND $to_day IS NOT NULL)
                THEN COALESCE(next_days.next_day - 1, next_days.account_day)
              ELSE next_days.account_day
            END AS TIMESTAMP
          ),
          INTERVAL 1 DAY
        )
      ) AS DATE
    ) AS account_day
  FROM next_days
)

SELECT
  days.destination,
  days.account_day,
  names.event
FROM days
INNER JOIN names
  ON days.destination = names.destination
