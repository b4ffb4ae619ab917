BEGIN;

ALTER TABLE people ADD COLUMN active_team_id bigint REFERENCES teams (id);

COMMENT ON COLUMN people.active_team_id IS 'the team this person works in now';

COMMIT;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM information_schema.columns WHERE table_name = 'people' AND column_name = 'active_team_id'
    ) THEN
        RAISE EXCEPTION 'active_team_id is missing';
    END IF;
END $$;
