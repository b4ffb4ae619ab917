-- People, and what they may do in an organization.
CREATE TYPE platform.member_role AS ENUM ('owner', 'admin', 'developer', 'viewer');

CREATE TABLE platform.users (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email       text NOT NULL,
    full_name   text,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX users_email_key ON platform.users (lower(email));

CREATE TABLE platform.organization_members (
    organization_id  uuid NOT NULL REFERENCES platform.organizations (id) ON DELETE CASCADE,
    user_id          uuid NOT NULL REFERENCES platform.users (id) ON DELETE CASCADE,
    role             platform.member_role NOT NULL DEFAULT 'developer',
    joined_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id)
);

CREATE FUNCTION platform.is_member(p_user_id uuid, p_organization_id uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM platform.organization_members
        WHERE user_id = p_user_id AND organization_id = p_organization_id
    );
$$;
