-- Row level security asks these who is acting.
CREATE FUNCTION platform.set_session_user(p_user_id uuid) RETURNS void
LANGUAGE sql AS $$ SELECT set_config('app.user_id', p_user_id::text, true); $$;

CREATE FUNCTION platform.session_user_id() RETURNS uuid
LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid; $$;

ALTER TABLE platform.projects ENABLE ROW LEVEL SECURITY;

CREATE POLICY project_members ON platform.projects
USING (platform.is_member(platform.session_user_id(), organization_id));
