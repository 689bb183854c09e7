-- What an operator has paused (rule 25). Every batch, step of a redrive and claim of effects that reads this table to act on
-- it locks it (ROW SHARE) until it is committed; who changes it locks it EXCLUSIVE first, and so waits for all of these.
CREATE TABLE paused (
  what     text        NOT NULL CHECK (what IN ('inbox', 'effects', 'key')),
  name     text        COLLATE "C" NOT NULL,  -- the key; the kind of the effects, '' for all kinds; '' for the inbox
  since    timestamptz NOT NULL,
  until    timestamptz,                       -- it passes by itself; NULL: it lasts until it is resumed
  reason   text,
  operator text        NOT NULL,
  PRIMARY KEY (what, name)
);

ALTER TABLE parking_audit DROP CONSTRAINT parking_audit_action_check, ADD CONSTRAINT parking_audit_action_check
  CHECK (action IN ('redrive', 'discard', 'accept-loss', 'skipped-arrived', 'pause', 'resume'));
