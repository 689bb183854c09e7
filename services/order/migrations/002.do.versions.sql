-- Each version of an order as it was applied: its history, kept as long as the order.
CREATE TABLE order_version (
  order_id        text COLLATE "C" NOT NULL,
  version         bigint      NOT NULL,
  status          text        NOT NULL,
  previous_status text,                               -- NULL: it was created by this
  occurred_at     timestamptz NOT NULL,
  applied_at      timestamptz NOT NULL DEFAULT now(),
  event_id        uuid        NOT NULL,
  -- W3C trace id: 16 bytes, as a uuid is, in half of what its text takes. NULL: the event has no traceparent.
  trace_id        uuid,
  actor           text,                               -- NULL: who made the change was not authenticated
  PRIMARY KEY (order_id, version)
);
