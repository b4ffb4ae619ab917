-- The author's own transaction, and a check behind it.
BEGIN;

CREATE TABLE settings (key text PRIMARY KEY, value text NOT NULL);
INSERT INTO settings VALUES ('version', '1');

COMMIT;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM settings WHERE key = 'version') THEN
        RAISE EXCEPTION 'settings were not written';
    END IF;
END $$;
