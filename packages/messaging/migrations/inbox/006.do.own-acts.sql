-- A service has acts of its own that are audited, such as the stock of an item that was set.
ALTER TABLE parking_audit DROP CONSTRAINT parking_audit_action_check;
