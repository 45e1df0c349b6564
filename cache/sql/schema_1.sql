-- The log and the objects are one table: every version of every object, in order of revision. A version goes when
-- the one after it has left the window, so what lies at or before the window's start is the live state only.
CREATE TABLE versions (
	revision INTEGER PRIMARY KEY,
	previous INTEGER NOT NULL,   -- revision of the state before; 0: none
	change INTEGER NOT NULL,     -- enum change_type
	log_offset INTEGER NOT NULL, -- bytes written to the log so far
	wall_ms INTEGER NOT NULL,
	resource TEXT NOT NULL,
	ns TEXT NOT NULL,
	name TEXT NOT NULL,
	uid TEXT NOT NULL,
	generation INTEGER NOT NULL,
	origin INTEGER NOT NULL,
	splice INTEGER NOT NULL,
	checksum INTEGER NOT NULL,
	labels BLOB NOT NULL,
	fields BLOB NOT NULL,
	owners BLOB NOT NULL,
	body BLOB                    -- NULL: a deletion that left the final state as it was
);

-- The newest version of every key; a deleted one stays until the window has passed it.
CREATE TABLE objects (
	resource TEXT NOT NULL,
	ns TEXT NOT NULL,
	name TEXT NOT NULL,
	revision INTEGER NOT NULL,
	live INTEGER NOT NULL,
	uid TEXT NOT NULL,
	PRIMARY KEY (resource, ns, name)
) WITHOUT ROWID;

-- Indexed fields of live objects.
CREATE TABLE fields (
	resource TEXT NOT NULL,
	field TEXT NOT NULL,
	value TEXT NOT NULL,
	ns TEXT NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (resource, field, value, ns, name)
) WITHOUT ROWID;

CREATE TABLE marks (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE feeds (resource TEXT PRIMARY KEY, state INTEGER NOT NULL) WITHOUT ROWID;

-- One row for each opening for writing.
CREATE TABLE epochs (
	number INTEGER PRIMARY KEY,
	id BLOB NOT NULL UNIQUE,
	first_revision INTEGER NOT NULL
);

CREATE TABLE quarantine (
	resource TEXT NOT NULL,
	ns TEXT NOT NULL,
	name TEXT NOT NULL,
	revision INTEGER NOT NULL,
	wall_ms INTEGER NOT NULL,
	PRIMARY KEY (resource, ns, name)
) WITHOUT ROWID;

-- compacted: the oldest revision that can be named, with the log's offset there; settled: counts repairs.
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('compacted', 0), ('compacted_offset', 0), ('settled', 0);
