BEGIN;

ALTER TABLE people DROP COLUMN active_team_id;

COMMIT;

DO $$
BEGIN
    IF EXISTS (
        SELECT FROM information_schema.columns WHERE table_name = 'people' AND column_name = 'active_team_id'
    ) THEN
        RAISE EXCEPTION 'active_team_id is still there';
    END IF;
END $$;
