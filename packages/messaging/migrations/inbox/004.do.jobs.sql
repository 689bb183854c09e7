-- What holds keys up, in groups: their keys, and the oldest of each. The detail may be longer than an index takes.
CREATE INDEX parked_groups ON parked (cause, left(detail, 200), key) WHERE state <> 'behind';
CREATE INDEX parked_oldest ON parked (cause, left(detail, 200), parked_at) WHERE state <> 'behind';

-- A redrive of many keys. Any instance goes on with it: its runner is the one that has leased it, in database time. Two that
-- take themselves for it do no harm: a key is redriven under its lock, and counted by who removes it from job_key.
CREATE TABLE job (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  state           text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'stopped', 'cancelled', 'done')),
  operator        text        NOT NULL,
  filter          jsonb       NOT NULL,
  dry_run         boolean     NOT NULL,
  canary          boolean     NOT NULL,
  rate_per_second int,
  stop_after      int,                             -- so many keys that are still held
  selected_to     text        COLLATE "C" DEFAULT '', -- the last key that was looked at for the filter; NULL: all were
  total           int         NOT NULL DEFAULT 0,
  tried           int         NOT NULL DEFAULT 0,
  failed          int         NOT NULL DEFAULT 0,  -- of those tried
  tried_before    int         NOT NULL DEFAULT 0,  -- when it was continued: steps and limits count from there
  failed_before   int         NOT NULL DEFAULT 0,
  last_failure    jsonb,                           -- {key, cause, detail}
  runner          text,
  leased_until    timestamptz NOT NULL DEFAULT '-infinity',
  started_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);
-- One at a time.
CREATE UNIQUE INDEX job_running ON job (state) WHERE state = 'running';

-- The keys that a job has not tried yet.
CREATE TABLE job_key (
  job      bigint NOT NULL,
  key      text   COLLATE "C" NOT NULL,
  attempts int    NOT NULL DEFAULT 0,              -- that ended with an error of ours
  PRIMARY KEY (job, key)
);
