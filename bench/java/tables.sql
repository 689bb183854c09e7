-- What the Java consumer writes: the order service's tables with their indexes, but for those of parking.
CREATE TABLE inbox_position (
  topic_id    uuid   NOT NULL,
  partition   int    NOT NULL,
  topic       text   NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (topic_id, partition)
);

CREATE TABLE inbox_key (
  key             text    COLLATE "C" PRIMARY KEY,
  applied_version bigint  NOT NULL DEFAULT 0,
  event_id        text,
  held            boolean NOT NULL DEFAULT false,
  applied_at      timestamptz,
  arrived_at      timestamptz NOT NULL DEFAULT now(),
  due             bigint,
  skipped         bigint[]
) WITH (fillfactor = 70);
CREATE INDEX inbox_key_due ON inbox_key (key) WHERE due IS NOT NULL;

CREATE TABLE topic_keys (
  topic      text        NOT NULL,
  last       bigint      NOT NULL,
  keys       text[]      NOT NULL,
  arrived_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, last)
);
CREATE INDEX topic_keys_by_arrival ON topic_keys (arrived_at);

CREATE TABLE orders (
  order_id text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  status text NOT NULL,
  customer_id text NOT NULL,
  shipping_cost numeric(19, 4) NOT NULL,
  body json NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_by_status ON orders (status, order_id);
CREATE INDEX orders_by_customer ON orders (customer_id, order_id);
