-- This file does not parse: RAISE belongs to PL/pgSQL and cannot stand alone in SQL. It is kept as it is, because a
-- rollback that nobody ever ran is what real folders hold. The Problems page points at the line.
DROP POLICY project_members ON platform.projects;

RAISE NOTICE 'Dropping the session helpers...';

ALTER TABLE platform.projects DISABLE ROW LEVEL SECURITY;
DROP FUNCTION platform.session_user_id();
DROP FUNCTION platform.set_session_user(uuid);
