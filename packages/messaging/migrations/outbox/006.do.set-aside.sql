-- Why a row is set aside: `cause` is a short stable slug, by which operators find its like; `detail` is Kafka's answer.
ALTER TABLE outbox ADD COLUMN detail text;
UPDATE outbox SET detail = cause, cause = 'record-too-large' WHERE set_aside_at IS NOT NULL;

-- What operators did to rows that were set aside, as parking_audit has it of parked events. `answer` is what they were told:
-- a discard that is repeated, because its answer was lost, gets it again.
CREATE SEQUENCE outbox_audit_id;
CREATE TABLE outbox_audit (
  id       bigint      PRIMARY KEY DEFAULT nextval('outbox_audit_id'),
  at       timestamptz NOT NULL DEFAULT now(),
  operator text        NOT NULL,
  action   text        NOT NULL CHECK (action IN ('set-aside-redrive', 'set-aside-discard')),
  key text        COLLATE "C" NOT NULL,   -- the row's key, or @ and its event id where the key is no text
  event    text        NOT NULL,
  reason   text,
  before   json        NOT NULL,
  after    json        NOT NULL,
  answer   json        NOT NULL
);
CREATE INDEX outbox_audit_discards ON outbox_audit (event) WHERE action = 'set-aside-discard';

-- Where there is an inbox too, both audits are one list: their ids come from one sequence.
DO $$ BEGIN
  IF to_regclass('parking_audit') IS NOT NULL THEN
    EXECUTE format('ALTER TABLE outbox_audit ALTER id SET DEFAULT nextval(%L::regclass)',
      pg_get_serial_sequence('parking_audit', 'id'));
    DROP SEQUENCE outbox_audit_id;
  END IF;
END $$;
