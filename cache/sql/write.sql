-- Statements by name, as in read.sql.

--@ begin_write
BEGIN IMMEDIATE

--@ commit
COMMIT

--@ rollback
ROLLBACK

--@ savepoint
SAVEPOINT txn

--@ release
RELEASE txn

--@ rollback_to
ROLLBACK TO txn

--@ version_add
INSERT INTO versions (revision, previous, change, log_offset, wall_ms, resource, ns, name, uid, generation, origin, splice,
	checksum, labels, fields, owners, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)

--@ version_drop
DELETE FROM versions WHERE revision = ?1

--@ versions_drop_key
DELETE FROM versions WHERE resource = ?1 AND ns = ?2 AND name = ?3

--@ object_put
INSERT INTO objects (resource, ns, name, revision, live, uid) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT DO UPDATE SET revision = excluded.revision, live = excluded.live, uid = excluded.uid

--@ object_drop
DELETE FROM objects WHERE resource = ?1 AND ns = ?2 AND name = ?3 AND revision = ?4

--@ field_add
INSERT OR REPLACE INTO fields (resource, field, value, ns, name) VALUES (?1, ?2, ?3, ?4, ?5)

--@ field_drop
DELETE FROM fields WHERE resource = ?1 AND field = ?2 AND value = ?3 AND ns = ?4 AND name = ?5

--@ fields_drop_key
DELETE FROM fields WHERE resource = ?1 AND ns = ?2 AND name = ?3

--@ mark_put
INSERT OR REPLACE INTO marks (name, value) VALUES (?1, ?2)

--@ mark_drop
DELETE FROM marks WHERE name = ?1

--@ feed_put
INSERT OR REPLACE INTO feeds (resource, state) VALUES (?1, ?2)

--@ quarantine_add
INSERT OR REPLACE INTO quarantine (resource, ns, name, revision, wall_ms) VALUES (?1, ?2, ?3, ?4, ?5)

--@ quarantine_drop
DELETE FROM quarantine WHERE resource = ?1 AND ns = ?2 AND name = ?3

--@ log_heads
SELECT revision, previous, change, log_offset, wall_ms, resource, ns, name, uid, generation, origin, splice, checksum,
	body IS NOT NULL
FROM versions WHERE revision > ?1 ORDER BY revision LIMIT ?2

--@ meta
SELECT value FROM meta WHERE name = ?1

--@ meta_put
UPDATE meta SET value = ?2 WHERE name = ?1

--@ settle
UPDATE meta SET value = value + 1 WHERE name = 'settled'

--@ objects_count
SELECT count(*) FROM objects WHERE live

--@ log_end
SELECT log_offset FROM versions ORDER BY revision DESC LIMIT 1

--@ epoch_add
INSERT INTO epochs (id, first_revision) VALUES (?1, ?2)

--@ epochs_prune
DELETE FROM epochs WHERE number <= (SELECT max(number) FROM epochs) - ?1

--@ versions_drop_old
DELETE FROM versions WHERE revision NOT IN (SELECT revision FROM objects WHERE live)

--@ objects_drop_dead
DELETE FROM objects WHERE NOT live

--@ version_reseal
UPDATE versions SET checksum = ?2, body = ?3 WHERE revision = ?1

--@ proof_put
INSERT OR REPLACE INTO sealing (id, proof) VALUES (1, ?1)
