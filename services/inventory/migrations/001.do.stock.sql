-- What each order wants of the stock, as its events say. Written by the event handler alone.
CREATE TABLE demand (
  order_id text COLLATE "C" PRIMARY KEY,
  state    text NOT NULL CHECK (state IN ('open', 'shipped', 'cancelled')),
  lines    json NOT NULL  -- [{"itemId","quantity"}], each item once
);

-- Orders whose demand is new or has changed, until the allocator has acted on it.
CREATE TABLE demand_change (
  seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id text COLLATE "C" NOT NULL
);

-- An item is known from its first PUT on. What must never be is refused here too, whatever the code does.
CREATE TABLE stock (
  item_id  text COLLATE "C" PRIMARY KEY,
  on_hand  bigint NOT NULL,
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved BETWEEN 0 AND on_hand),
  received bigint NOT NULL,            -- the sum of what each PUT added or took
  shipped  bigint NOT NULL DEFAULT 0 CHECK (on_hand + shipped = received),
  recheck  timestamptz                 -- since when an order that waits for it may be able to have it
);
CREATE INDEX stock_recheck ON stock (recheck) WHERE recheck IS NOT NULL;

-- What an order got. This and the next table are written by the allocator alone.
CREATE TABLE reservation (
  order_id text   COLLATE "C" PRIMARY KEY,
  arrival  bigint NOT NULL,            -- its place in the queues
  status   text   NOT NULL CHECK (status IN ('reserved', 'backordered', 'shipped', 'released')),
  short    json   NOT NULL             -- lines like those of the demand: what was not there when it was shipped
);

-- The queue of each item: the orders that wait, the first to arrive first.
CREATE TABLE waiting (
  item_id  text   COLLATE "C" NOT NULL,
  arrival  bigint NOT NULL,
  order_id text   COLLATE "C" NOT NULL,
  PRIMARY KEY (item_id, arrival)
);

-- Each draw is a block of numbers: a round of the allocator looks at 1,000 changes at most.
CREATE SEQUENCE arrivals INCREMENT BY 1000;
