-- Who cancelled a job and who continued it, under @job:<id>.
ALTER TABLE parking_audit DROP CONSTRAINT parking_audit_action_check, ADD CONSTRAINT parking_audit_action_check
  CHECK (action IN ('redrive', 'discard', 'accept-loss', 'skipped-arrived', 'pause', 'resume', 'job-cancel', 'job-continue'));
