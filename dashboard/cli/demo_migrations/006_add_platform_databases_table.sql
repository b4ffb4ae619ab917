-- The databases a project talks to.
CREATE TABLE platform.databases (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id  uuid NOT NULL REFERENCES platform.projects (id) ON DELETE CASCADE,
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('postgres', 'redis', 'mongodb')),
    host        text NOT NULL,
    port        integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
    is_primary  boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, name)
);

CREATE VIEW platform.databases_by_project AS
SELECT p.ref, d.name, d.kind, d.host, d.port
FROM platform.databases d JOIN platform.projects p ON p.id = d.project_id;
