-- Organizations and the projects they own.
CREATE SCHEMA IF NOT EXISTS platform;

CREATE TABLE platform.organizations (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9-]+$'),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE platform.projects (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES platform.organizations (id) ON DELETE CASCADE,
    name             text NOT NULL,
    ref              text NOT NULL UNIQUE,
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'deleted')),
    created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX projects_organization_id_idx ON platform.projects (organization_id);

COMMENT ON TABLE platform.organizations IS 'Customers; every project belongs to one.';
