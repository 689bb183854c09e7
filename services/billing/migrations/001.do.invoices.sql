-- One invoice an order, of what its first event says.
CREATE TABLE invoices (
  order_id     text COLLATE "C" PRIMARY KEY,
  customer_id  text          NOT NULL,
  amount       numeric(19,4) NOT NULL,
  currency     text          NOT NULL,
  status       text          NOT NULL,  -- what is so
  asked        text          NOT NULL,  -- what the events want: nothing, charge or cancel
  payment      text,                    -- the gateway's number of the charge
  drafted_at   timestamptz   NOT NULL DEFAULT now(),
  status_since timestamptz   NOT NULL DEFAULT now()
);

-- The ledger. A row is both sides of a posting, so that what is debited is credited; and an order has one of each kind at
-- most, so that it is never charged twice.
CREATE TABLE postings (
  order_id  text COLLATE "C" NOT NULL,
  kind      text          NOT NULL CHECK (kind IN ('charge', 'refund')),
  debit     text          NOT NULL,
  credit    text          NOT NULL CHECK (credit <> debit),
  amount    numeric(19,4) NOT NULL CHECK (amount > 0),
  currency  text          NOT NULL,
  reference text          NOT NULL,  -- the gateway's number
  posted_at timestamptz   NOT NULL DEFAULT now(),
  PRIMARY KEY (order_id, kind)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'what is posted stays: % of %', TG_OP, TG_TABLE_NAME;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
