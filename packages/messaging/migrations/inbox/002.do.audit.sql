-- What operators did to parked records, or to the position of a partition (@topic:partition), written with it. `answer` is what they were told: a discard that is repeated,
-- because its answer was lost, gets it again.
CREATE TABLE parking_audit (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       timestamptz NOT NULL DEFAULT now(),
  operator text        NOT NULL,
  action   text        NOT NULL CHECK (action IN ('redrive', 'discard', 'accept-loss')),
  key text        COLLATE "C" NOT NULL,
  event    text,
  reason   text,
  before   json        NOT NULL,
  after    json        NOT NULL,
  answer   json        NOT NULL
);
CREATE INDEX parking_audit_discards ON parking_audit (key, event) WHERE action = 'discard';
