-- Slow effects that are to be done, or being done. A row goes when its result is stored.
CREATE TABLE effect (
  key        text COLLATE "C" NOT NULL,
  version    bigint      NOT NULL,           -- of the event that asked for it
  n          int         NOT NULL,           -- among those of that event, from 1 on
  event_id   text        NOT NULL,
  kind       text        NOT NULL,
  payload    json        NOT NULL,
  -- When it may be claimed; while it runs, when the lease ends. Only the first of a key has it: NULL is behind another,
  -- or parked. So a claim needs no look at the rest of a key, and a key of which much is parked costs it nothing.
  due_at     timestamptz,
  attempts   int         NOT NULL DEFAULT 0, -- each claim adds one: it is the claim's fencing token as well
  cause      text,                           -- of the last failure
  detail     text,
  parked_at  timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Since when it has failed with this cause at each attempt: an outcome that stays unknown is parked after a while.
  -- NULL: it has not failed, or an operator lets it begin anew. Only the first effect of a key has it: no other is tried.
  failing_since timestamptz,
  -- An attempt is under way, for as long as `due_at` is ahead. Its cause and detail are those of the failure before.
  running    boolean     NOT NULL DEFAULT false,
  PRIMARY KEY (key, version, n)
);
CREATE INDEX effect_due ON effect (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX effect_parked ON effect (key) WHERE parked_at IS NOT NULL;
CREATE INDEX effect_failing ON effect (cause, key) WHERE failing_since IS NOT NULL;
