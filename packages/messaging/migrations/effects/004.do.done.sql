-- Effects whose result is stored, without their payload: shown for some days, then removed. In a table of their own, so that
-- nothing that looks for work ever meets one.
CREATE TABLE effect_done (
  key        text COLLATE "C" NOT NULL,
  version    bigint      NOT NULL,
  n          int         NOT NULL,
  event_id   text        NOT NULL,
  kind       text        NOT NULL,
  attempts   int         NOT NULL,
  created_at timestamptz NOT NULL,
  done_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (key, version, n)
);
CREATE INDEX effect_done_by_age ON effect_done (done_at);
