-- What the files of sql/ read, empty. The defaults are the usual row, so that a case names only
-- what it is about. All times of the cases lie in the week before $as_of, 2026-01-19 12:00 UTC.

CREATE TABLE destinations (
  destination VARCHAR DEFAULT 'tiktok',
  account_timezone VARCHAR DEFAULT 'America/New_York',
  reports VARCHAR DEFAULT 'all',
  coverage VARCHAR DEFAULT 'infer',
  retry_window INTERVAL DEFAULT INTERVAL 4 HOUR,
  provisional_after INTERVAL DEFAULT INTERVAL 72 HOUR,
  max_age INTERVAL,
  incident_min BIGINT DEFAULT 2
);

CREATE TABLE conversion_occurrences (
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  message_id VARCHAR,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  inbound_event VARCHAR DEFAULT 'Order Completed',
  arrival TIMESTAMPTZ,
  event_time TIMESTAMPTZ,
  content_time TIMESTAMPTZ,
  order_id VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR,
  suppressed_reason VARCHAR
);

CREATE TABLE event_segments (
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  message_id VARCHAR,
  event VARCHAR DEFAULT 'Order Completed',
  arrival TIMESTAMPTZ,
  received_date DATE DEFAULT DATE '2026-01-15',
  type_issues VARCHAR
);

CREATE TABLE diary_segments (
  source VARCHAR DEFAULT 'web',
  event VARCHAR DEFAULT 'Order Completed',
  path VARCHAR DEFAULT '$',
  parent VARCHAR,
  json_type VARCHAR DEFAULT 'object',
  day DATE,
  occurrences BIGINT DEFAULT 1,
  counted_once BIGINT DEFAULT 1
);

CREATE TABLE receipts (
  destination VARCHAR DEFAULT 'tiktok',
  attempted_date DATE,
  event_id VARCHAR,
  event_name VARCHAR DEFAULT 'CompletePayment',
  event_time TIMESTAMPTZ,
  outcome VARCHAR DEFAULT 'accepted',
  code VARCHAR,
  attempted_at TIMESTAMPTZ,
  attempt BIGINT,
  value DECIMAL(38, 18),
  currency VARCHAR,
  file_id VARCHAR DEFAULT 'r1',
  record_number BIGINT DEFAULT 0
);

CREATE TABLE inbound_paths (
  kind VARCHAR DEFAULT 'receipts',
  destination VARCHAR DEFAULT 'tiktok',
  path VARCHAR,
  file_id VARCHAR
);

CREATE TABLE vouched_ranges (
  destination VARCHAR DEFAULT 'tiktok', starts_at TIMESTAMPTZ, ends_at TIMESTAMPTZ
);

CREATE TABLE conversions (
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  message_id VARCHAR,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  arrival TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-15 12:00:00+00',
  event_time TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-15 12:00:00+00',
  account_day DATE DEFAULT DATE '2026-01-15',
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  suppressed_reason VARCHAR,
  variants BIGINT DEFAULT 1,
  backfill_deadline TIMESTAMPTZ
);

CREATE TABLE outcomes (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  resolved_outcome VARCHAR,
  code VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  attempts BIGINT DEFAULT 1,
  first_attempted_at TIMESTAMPTZ,
  event_time TIMESTAMPTZ
);

CREATE TABLE attempted_ids (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  first_name VARCHAR DEFAULT 'CompletePayment',
  last_name VARCHAR DEFAULT 'CompletePayment'
);

CREATE TABLE silences (
  destination VARCHAR DEFAULT 'tiktok',
  stretch BIGINT DEFAULT 0,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  conversions BIGINT
);

CREATE TABLE feed_days (destination VARCHAR DEFAULT 'tiktok', feed_day DATE);

CREATE TABLE coverage (
  destination VARCHAR DEFAULT 'tiktok', starts_at TIMESTAMPTZ, ends_at TIMESTAMPTZ
);

CREATE TABLE judged (
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  message_id VARCHAR,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  account_day DATE DEFAULT DATE '2026-01-15',
  arrival TIMESTAMPTZ,
  event_time TIMESTAMPTZ,
  status VARCHAR DEFAULT 'accepted',
  reason VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  attempts BIGINT DEFAULT 0,
  resolved_outcome VARCHAR,
  code VARCHAR,
  backfill_deadline TIMESTAMPTZ,
  is_settled BOOLEAN DEFAULT TRUE,
  is_covered BOOLEAN DEFAULT TRUE
);

CREATE TABLE reconciliation (
  run_id VARCHAR DEFAULT 'run',
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  message_id VARCHAR,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  account_day DATE DEFAULT DATE '2026-01-15',
  event_time TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-19 06:00:00+00',
  status VARCHAR,
  reason VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  attempts BIGINT DEFAULT 0,
  resolved_outcome VARCHAR,
  code VARCHAR,
  backfill_deadline TIMESTAMPTZ,
  arrival TIMESTAMPTZ,
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0
);

CREATE TABLE unarchived (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  account_day DATE DEFAULT DATE '2026-01-15'
);

CREATE TABLE report_days (
  destination VARCHAR DEFAULT 'tiktok',
  account_day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment'
);

CREATE TABLE daily_gaps (
  destination VARCHAR DEFAULT 'tiktok',
  day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment',
  expected BIGINT DEFAULT 0,
  accepted BIGINT DEFAULT 0,
  pending BIGINT DEFAULT 0,
  unknown BIGINT DEFAULT 0,
  gap BIGINT DEFAULT 0,
  missing BIGINT DEFAULT 0,
  failed BIGINT DEFAULT 0,
  rejected BIGINT DEFAULT 0,
  ambiguous BIGINT DEFAULT 0,
  conflict BIGINT DEFAULT 0,
  suppressed BIGINT DEFAULT 0,
  unarchived BIGINT DEFAULT 0,
  recoverable BIGINT DEFAULT 0,
  expired BIGINT DEFAULT 0,
  backfill_deadline TIMESTAMPTZ,
  provisional BOOLEAN DEFAULT FALSE
);

CREATE TABLE daily_values (
  destination VARCHAR DEFAULT 'tiktok',
  day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment',
  currency VARCHAR DEFAULT 'USD',
  expected DECIMAL(38, 18) DEFAULT 0,
  accepted DECIMAL(38, 18) DEFAULT 0,
  pending DECIMAL(38, 18) DEFAULT 0,
  unknown DECIMAL(38, 18) DEFAULT 0,
  gap DECIMAL(38, 18) DEFAULT 0,
  missing DECIMAL(38, 18) DEFAULT 0,
  failed DECIMAL(38, 18) DEFAULT 0,
  rejected DECIMAL(38, 18) DEFAULT 0,
  ambiguous DECIMAL(38, 18) DEFAULT 0,
  conflict DECIMAL(38, 18) DEFAULT 0,
  suppressed DECIMAL(38, 18) DEFAULT 0
);

CREATE TABLE incidents (
  destination VARCHAR DEFAULT 'tiktok',
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  diagnosis VARCHAR,
  conversions BIGINT
);

CREATE TABLE backfills (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  backfill_id VARCHAR DEFAULT 'earlier',
  as_of TIMESTAMPTZ,
  created_at TIMESTAMPTZ
);
