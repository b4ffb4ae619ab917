BEGIN;

DROP INDEX platform.users_active_org_id_idx;
ALTER TABLE platform.users DROP COLUMN active_org_id;

COMMIT;

DO $$
BEGIN
    IF EXISTS (
        SELECT FROM information_schema.columns
        WHERE table_schema = 'platform' AND table_name = 'users' AND column_name = 'active_org_id'
    ) THEN
        RAISE EXCEPTION 'active_org_id is still there';
    END IF;
END $$;
