CREATE TABLE orders (
  order_id     text COLLATE "C" PRIMARY KEY,
  customer_id  text NOT NULL,
  order_date   timestamptz NOT NULL,
  -- json, not jsonb: it is written once and only ever given back whole.
  items        json NOT NULL,
  total_amount numeric(19, 4) NOT NULL CHECK (total_amount >= 0),
  currency     text NOT NULL,
  status       text NOT NULL,
  version      bigint NOT NULL CHECK (version > 0),
  -- The event that made this version: while it is in the outbox, Kafka has not acknowledged it.
  event_id     uuid NOT NULL
);

-- The one table of the cart that is not keyed by order: a key is global.
CREATE TABLE idempotency (
  key          text COLLATE "C" NOT NULL,
  -- Method and path: POST /create-order
  operation    text COLLATE "C" NOT NULL,
  request_hash bytea NOT NULL,
  -- NULL only inside the transaction that makes the row.
  outcome      json,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (key, operation)
);
-- For the expiry alone; rows come in the order of their time.
CREATE INDEX idempotency_age ON idempotency USING brin (created_at);
