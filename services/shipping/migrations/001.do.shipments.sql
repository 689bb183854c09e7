-- One shipment an order: by the primary key there is never a second live one.
CREATE TABLE shipments (
  order_id      text COLLATE "C" PRIMARY KEY,
  status        text          NOT NULL,
  shipping_cost numeric(19,4) NOT NULL,
  currency      text          NOT NULL,
  handed_over   boolean       NOT NULL,  -- the order was said to be shipped
  label         text,
  tracking      text,
  reason        text,                    -- why it was cancelled without its customer
  updated_at    timestamptz   NOT NULL DEFAULT now()
);
