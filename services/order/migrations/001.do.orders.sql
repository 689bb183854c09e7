-- The orders as received. order_id sorts by code point whatever the database's locale, so that a page's cursor does too.
CREATE TABLE orders (
  order_id text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  status text NOT NULL,
  customer_id text NOT NULL,
  shipping_cost numeric(19, 4) NOT NULL,
  -- json, not jsonb: the fields keep their order, and a number its digits.
  body json NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- GET /orders: each filter is served in page order.
CREATE INDEX orders_by_status ON orders (status, order_id);
CREATE INDEX orders_by_customer ON orders (customer_id, order_id);
