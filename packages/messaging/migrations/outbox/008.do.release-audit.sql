-- The release of a key that was held is audited here too: it is of no single event.
ALTER TABLE outbox_audit
  ALTER event DROP NOT NULL,
  DROP CONSTRAINT outbox_audit_action_check,
  ADD CONSTRAINT outbox_audit_action_check CHECK (action IN ('set-aside-redrive', 'set-aside-discard', 'release'));
