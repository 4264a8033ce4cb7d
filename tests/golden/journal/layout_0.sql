-- A journal as layout 0 wrote it: no sequence numbers.
PRAGMA application_id = 1129202516;
PRAGMA user_version = 0;
CREATE TABLE records (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    wall_ns INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO meta VALUES ('profile', 'paper:binance');
INSERT INTO meta VALUES ('venue', 'binance');
INSERT INTO meta VALUES ('created_wall_ns', '1700000000000000000');
INSERT INTO records VALUES ('intent', 'c-2', 1700000000000000002, '{"qty":"2"}');
INSERT INTO records VALUES ('intent', 'c-1', 1700000000000000001, '{"qty":"1"}');
INSERT INTO records VALUES ('fill', 't-9', 1700000000000000003, '{"price":"60000.10"}');
