-- Rule 12: why nothing may be written to the order until an operator decides (NULL: nothing is in the way). An order that
-- the log names, and of which nothing is known, has version 0: its row keeps its id from being given away.
ALTER TABLE orders
  ADD COLUMN held       json,
  ADD COLUMN held_since timestamptz,
  DROP CONSTRAINT orders_version_check,
  -- NOT VALID: the rows that are there were checked by the one before.
  ADD CONSTRAINT orders_version_check CHECK (version > 0 OR version = 0 AND held_since IS NOT NULL) NOT VALID;
CREATE INDEX orders_held ON orders (order_id) WHERE held_since IS NOT NULL;
