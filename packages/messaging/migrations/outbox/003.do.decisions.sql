-- Decisions of operators that have left the audit because of its age. Kept for ever: a discard that is repeated has its first
-- answer, and a skipped version that came late is told of once. Their ids are those that they had in the audit.
CREATE TABLE audit_decision (
  id       bigint      PRIMARY KEY,
  at       timestamptz NOT NULL,
  operator text        NOT NULL,
  action   text        NOT NULL,
  key      text        COLLATE "C" NOT NULL,
  event    text,
  reason   text,
  before   json        NOT NULL,
  after    json        NOT NULL,
  answer   json        NOT NULL
);
CREATE INDEX audit_decision_of_key ON audit_decision (key, event);
