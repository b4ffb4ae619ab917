BEGIN;

ALTER TABLE shop.people ADD COLUMN active_member boolean;
UPDATE shop.people SET active_member = true;

COMMIT;

DO $$
BEGIN
    IF EXISTS (SELECT FROM shop.people WHERE active_member IS NULL) THEN
        RAISE EXCEPTION 'someone has no flag';
    END IF;
    RAISE NOTICE '008 is complete';
END $$;
