CREATE TABLE orders (
  order_id   text COLLATE "C" PRIMARY KEY,
  version    bigint NOT NULL,
  -- The event that made this version: while it is in the outbox, Kafka has not acknowledged it.
  event_id   uuid NOT NULL,
  status     text NOT NULL,
  -- The order but for its status: a change of status does not write it again. json, not jsonb: the fields keep their order,
  -- and a number its digits.
  body       json NOT NULL,
  -- Rule 12: why nothing may be written to the order until an operator decides (NULL: nothing is in the way). An order that
  -- the log names, and of which nothing is known, has version 0: its row keeps its id from being given away.
  held       json,
  held_since timestamptz,
  CHECK (version > 0 OR version = 0 AND held_since IS NOT NULL)
);
CREATE INDEX orders_held ON orders (order_id) WHERE held_since IS NOT NULL;

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
