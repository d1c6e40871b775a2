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
