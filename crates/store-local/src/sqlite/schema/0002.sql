-- The queue of what may be collected gets two more kinds, and `subject` may be
-- an object's key. Entries of kind `manifest` that an unlink put there stay as
-- they are: a child of before is not collected.
CREATE TABLE gc_queue_2 (
    due        INTEGER NOT NULL,
    entry      INTEGER NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('link', 'manifest', 'child', 'blob', 'object')),
    repository TEXT,
    subject    TEXT    NOT NULL,
    PRIMARY KEY (due, entry)
) STRICT, WITHOUT ROWID;

INSERT INTO gc_queue_2 (due, entry, kind, repository, subject)
     SELECT due, entry, kind, repository, digest
       FROM gc_queue;

-- Deletions that died had no entry. Numbers below zero were never given out.
INSERT INTO gc_queue_2 (due, entry, kind, repository, subject)
     SELECT 0, -row_number() OVER (ORDER BY repository, digest), 'manifest', repository, digest
       FROM manifests
      WHERE state = 'deleting';

DROP TABLE gc_queue;

ALTER TABLE gc_queue_2 RENAME TO gc_queue;

-- When a pusher was last promised the manifest, if after it was pushed.
ALTER TABLE manifests ADD COLUMN touched_at INTEGER;

-- Runs of maintenance. Logs can be large.
CREATE TABLE runs (
    kind           TEXT    NOT NULL,
    id             INTEGER NOT NULL,
    trigger        TEXT    NOT NULL,
    options        TEXT    NOT NULL,
    status         TEXT    NOT NULL,
    stop_requested INTEGER NOT NULL,
    freed          TEXT    NOT NULL,
    log            TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

CREATE TABLE schedules (
    kind       TEXT    NOT NULL PRIMARY KEY,
    cadence    TEXT    NOT NULL,
    cron       TEXT    NOT NULL,
    options    TEXT    NOT NULL,
    last_at    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
