-- How far the sealing of secrets has come (0: nothing is sealed; 1: all rows are, and their plain bytes are still to be wiped from
-- the file; 2: done), and a known text, sealed, by which wrong keys are told from damaged rows.
INSERT INTO meta VALUES ('sealing', 0);
CREATE TABLE sealing (id INTEGER PRIMARY KEY CHECK (id = 1), proof BLOB NOT NULL);
