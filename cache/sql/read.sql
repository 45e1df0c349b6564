-- Statements by name: a line "--@ name" starts one. Columns of a version come in the order that row_read() expects.

--@ begin_read
BEGIN

--@ newest
SELECT
	max((SELECT value FROM meta WHERE name = 'compacted'), ifnull((SELECT max(revision) FROM versions), 0)),
	(SELECT value FROM meta WHERE name = 'compacted')

--@ version
SELECT revision, previous, change, log_offset, wall_ms, resource, ns, name, uid, generation, origin, splice, checksum,
	labels, fields, owners, body
FROM versions WHERE revision = ?1

--@ version_head
SELECT revision, previous, change, log_offset, wall_ms, resource, ns, name, uid, generation, origin, splice, checksum,
	body IS NOT NULL
FROM versions WHERE revision = ?1

--@ object
SELECT revision, live, uid FROM objects WHERE resource = ?1 AND ns = ?2 AND name = ?3

--@ list
SELECT o.resource, o.ns, o.name, o.revision,
	v.revision, v.previous, v.change, v.log_offset, v.wall_ms, v.resource, v.ns, v.name, v.uid, v.generation, v.origin,
	v.splice, v.checksum, v.labels, v.fields, v.owners, v.body
FROM objects o LEFT JOIN versions v ON v.revision = o.revision
WHERE o.resource = ?1 AND (o.ns, o.name) > (?2, ?3) AND o.live
ORDER BY o.ns, o.name

--@ list_ns
SELECT o.resource, o.ns, o.name, o.revision,
	v.revision, v.previous, v.change, v.log_offset, v.wall_ms, v.resource, v.ns, v.name, v.uid, v.generation, v.origin,
	v.splice, v.checksum, v.labels, v.fields, v.owners, v.body
FROM objects o LEFT JOIN versions v ON v.revision = o.revision
WHERE o.resource = ?1 AND o.ns = ?2 AND o.name > ?3 AND o.live
ORDER BY o.name

--@ list_field
SELECT o.resource, o.ns, o.name, o.revision,
	v.revision, v.previous, v.change, v.log_offset, v.wall_ms, v.resource, v.ns, v.name, v.uid, v.generation, v.origin,
	v.splice, v.checksum, v.labels, v.fields, v.owners, v.body
FROM fields f
	CROSS JOIN objects o ON o.resource = f.resource AND o.ns = f.ns AND o.name = f.name
	LEFT JOIN versions v ON v.revision = o.revision
WHERE f.resource = ?1 AND f.field = ?4 AND f.value = ?5 AND (f.ns, f.name) > (?2, ?3) AND o.live
ORDER BY f.ns, f.name

--@ list_field_ns
SELECT o.resource, o.ns, o.name, o.revision,
	v.revision, v.previous, v.change, v.log_offset, v.wall_ms, v.resource, v.ns, v.name, v.uid, v.generation, v.origin,
	v.splice, v.checksum, v.labels, v.fields, v.owners, v.body
FROM fields f
	CROSS JOIN objects o ON o.resource = f.resource AND o.ns = f.ns AND o.name = f.name
	LEFT JOIN versions v ON v.revision = o.revision
WHERE f.resource = ?1 AND f.field = ?4 AND f.value = ?5 AND f.ns = ?2 AND f.name > ?3 AND o.live
ORDER BY f.name

--@ list_all
SELECT o.resource, o.ns, o.name, o.revision,
	v.revision, v.previous, v.change, v.log_offset, v.wall_ms, v.resource, v.ns, v.name, v.uid, v.generation, v.origin,
	v.splice, v.checksum, v.labels, v.fields, v.owners, v.body
FROM objects o LEFT JOIN versions v ON v.revision = o.revision
WHERE o.live
ORDER BY o.resource, o.ns, o.name

--@ verify
SELECT o.resource, o.ns, o.name, o.revision,
	v.revision, v.previous, v.change, v.log_offset, v.wall_ms, v.resource, v.ns, v.name, v.uid, v.generation, v.origin,
	v.splice, v.checksum, v.labels, v.fields, v.owners, v.body
FROM objects o LEFT JOIN versions v ON v.revision = o.revision
WHERE (o.resource, o.ns, o.name) > (?1, ?2, ?3) AND o.live
ORDER BY o.resource, o.ns, o.name LIMIT ?4

--@ keys
SELECT resource, ns, name, revision FROM objects
WHERE resource = ?1 AND (ns, name) > (?2, ?3) ORDER BY ns, name

--@ keys_ns
SELECT resource, ns, name, revision FROM objects
WHERE resource = ?1 AND ns = ?2 AND name > ?3 ORDER BY name

--@ count
SELECT count(*) FROM objects WHERE resource = ?1 AND live

--@ count_ns
SELECT count(*) FROM objects WHERE resource = ?1 AND ns = ?2 AND live

--@ mark
SELECT value FROM marks WHERE name = ?1

--@ marks
SELECT name, value FROM marks WHERE name >= ?1 ORDER BY name

--@ feed
SELECT state FROM feeds WHERE resource = ?1

--@ epoch
SELECT first_revision, ifnull((SELECT n.first_revision FROM epochs n WHERE n.number > e.number ORDER BY n.number LIMIT 1), 0)
FROM epochs e WHERE id = ?1

--@ quarantined
SELECT resource, ns, name FROM quarantine ORDER BY resource, ns, name

--@ epoch_newest
SELECT id FROM epochs ORDER BY number DESC LIMIT 1

--@ mark_next
SELECT name, value FROM marks WHERE name > ?1 ORDER BY name LIMIT 1

--@ version_next_of
SELECT revision, previous, change, log_offset, wall_ms, resource, ns, name, uid, generation, origin, splice, checksum,
	labels, fields, owners, body
FROM versions WHERE revision > ?1 AND revision <= ?2 AND resource = ?3 AND body IS NOT NULL ORDER BY revision LIMIT 1

--@ proof
SELECT proof FROM sealing WHERE id = 1
