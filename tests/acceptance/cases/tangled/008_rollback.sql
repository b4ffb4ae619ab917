BEGIN;
ALTER TABLE shop.people DROP COLUMN active_member;
COMMIT;

DO $$
BEGIN
    IF EXISTS (SELECT FROM information_schema.columns WHERE table_schema = 'shop' AND column_name = 'active_member') THEN
        RAISE EXCEPTION 'the flag is still there';
    END IF;
END $$;
