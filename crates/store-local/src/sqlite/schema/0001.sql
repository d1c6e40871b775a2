-- Times are nanoseconds since 1970. Digests, names and opaque ids are text as
-- the API writes them, compared byte by byte. JSON carries its own version.
-- A table has a rowid only where its rows can be large.

CREATE TABLE sequences (
    name       TEXT    NOT NULL PRIMARY KEY,
    last       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
    name       TEXT    NOT NULL PRIMARY KEY,
    id         INTEGER NOT NULL UNIQUE,
    owner      INTEGER NOT NULL,
    registry   INTEGER,
    metadata   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX projects_by_registry ON projects (registry) WHERE registry IS NOT NULL;

CREATE TABLE members (
    project    INTEGER NOT NULL,
    user       INTEGER NOT NULL,
    role       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    PRIMARY KEY (project, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_user ON members (user, project);

CREATE TABLE registries (
    id          INTEGER NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    url         TEXT    NOT NULL,
    username    TEXT,
    password    BLOB,
    insecure    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    CHECK ((username IS NULL) = (password IS NULL))
) STRICT;

CREATE TABLE users (
    id         INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    email      TEXT    NOT NULL,
    real_name  TEXT    NOT NULL,
    comment    TEXT    NOT NULL,
    sysadmin   INTEGER NOT NULL,
    password   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX users_by_email ON users (email) WHERE email <> '';

CREATE TABLE signing_keys (
    kid        TEXT    NOT NULL PRIMARY KEY,
    private    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The name in two parts: `a/x` comes before `a-b/x`, as in the catalog.
CREATE TABLE repositories (
    project     TEXT    NOT NULL,
    rest        TEXT    NOT NULL,
    id          INTEGER NOT NULL UNIQUE,
    project_id  INTEGER NOT NULL,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (project, rest)
) STRICT, WITHOUT ROWID;

-- `id` and all below it are null until the manifest was live. `subject` and
-- `subject_type` are the key of its row in `referrers`, if it has one.
CREATE TABLE manifests (
    repository   TEXT    NOT NULL,
    digest       TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'live', 'deleting')),
    nonce        TEXT    NOT NULL,
    id           INTEGER,
    media_type   TEXT,
    size         INTEGER,
    facts        TEXT,
    pushed_at    INTEGER,
    subject      TEXT,
    subject_type TEXT,
    object_key   TEXT,
    inline       BLOB,
    PRIMARY KEY (repository, digest)
) STRICT;

-- A manifest names a blob's link or a child: it counts while the manifest has
-- the nonce.
CREATE TABLE edges (
    repository TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('blob', 'manifest')),
    target     TEXT NOT NULL,
    manifest   TEXT NOT NULL,
    nonce      TEXT NOT NULL,
    PRIMARY KEY (repository, kind, target, manifest, nonce)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
    repository TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    media_type TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    pushed_at  INTEGER NOT NULL,
    checked_at INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_by_digest ON tags (repository, digest, name);

-- `artifact_type` is '' where there is none. Annotations can be large.
CREATE TABLE referrers (
    repository    TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    artifact_type TEXT    NOT NULL,
    digest        TEXT    NOT NULL,
    hidden        INTEGER NOT NULL,
    media_type    TEXT    NOT NULL,
    size          INTEGER NOT NULL,
    annotations   TEXT,
    PRIMARY KEY (repository, subject, artifact_type, digest)
) STRICT;

CREATE TABLE blobs (
    digest     TEXT    NOT NULL PRIMARY KEY,
    object_key TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A blob leads back to the links that need it, and to those that are about to.
CREATE TABLE back_edges (
    digest     TEXT    NOT NULL,
    repository TEXT    NOT NULL,
    link_id    TEXT    NOT NULL,
    linked     INTEGER NOT NULL,
    PRIMARY KEY (digest, repository, link_id)
) STRICT, WITHOUT ROWID;

-- A blob is visible in a repository; condemned while it has a token.
CREATE TABLE links (
    repository TEXT    NOT NULL,
    project    INTEGER NOT NULL,
    digest     TEXT    NOT NULL,
    link_id    TEXT    NOT NULL,
    token      TEXT,
    object_key TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;

-- `entry` is from a sequence: one per enqueue, never reused.
CREATE TABLE gc_queue (
    due        INTEGER NOT NULL,
    entry      INTEGER NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('link', 'manifest', 'blob')),
    repository TEXT,
    digest     TEXT    NOT NULL,
    PRIMARY KEY (due, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
    id         TEXT    NOT NULL PRIMARY KEY,
    repository TEXT    NOT NULL,
    object_key TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    hash       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    progress   BLOB    NOT NULL
) STRICT;

CREATE INDEX uploads_by_touch ON uploads (touched_at, id);

CREATE TABLE outbox (
    id         TEXT    NOT NULL PRIMARY KEY,
    envelope   TEXT    NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_by_age ON outbox (written_at, id);

-- A receipt is `sequence` and `attempt`: both never come again.
CREATE TABLE jobs (
    sequence   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    envelope   TEXT    NOT NULL,
    visible_at INTEGER NOT NULL,
    attempt    INTEGER NOT NULL
) STRICT;

CREATE INDEX jobs_by_visibility ON jobs (visible_at, sequence);

CREATE TABLE dead_letters (
    sequence  INTEGER NOT NULL PRIMARY KEY,
    envelope  TEXT    NOT NULL,
    attempt   INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    buried_at INTEGER NOT NULL
) STRICT;
