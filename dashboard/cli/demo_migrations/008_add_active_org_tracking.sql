-- Remembers in which organization a person works. Carries its own transaction, with a check after it.
BEGIN;

ALTER TABLE platform.users
    ADD COLUMN active_org_id uuid REFERENCES platform.organizations (id) ON DELETE SET NULL;

CREATE INDEX users_active_org_id_idx ON platform.users (active_org_id) WHERE active_org_id IS NOT NULL;

UPDATE platform.users u
SET active_org_id = (
    SELECT m.organization_id FROM platform.organization_members m
    WHERE m.user_id = u.id ORDER BY m.joined_at LIMIT 1
);

COMMIT;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM information_schema.columns
        WHERE table_schema = 'platform' AND table_name = 'users' AND column_name = 'active_org_id'
    ) THEN
        RAISE EXCEPTION 'active_org_id is missing';
    END IF;
    RAISE NOTICE 'People with an active organization: %',
        (SELECT count(*) FROM platform.users WHERE active_org_id IS NOT NULL);
END $$;
