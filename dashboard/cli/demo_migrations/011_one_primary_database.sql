-- Each project has exactly one primary database. Fails where the data says otherwise, and leaves nothing behind.
ALTER TABLE platform.projects ADD COLUMN primary_database_id uuid REFERENCES platform.databases (id);

CREATE FUNCTION platform.primary_database(p_project_id uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT primary_database_id FROM platform.projects WHERE id = p_project_id;
$$;

UPDATE platform.projects p
SET primary_database_id = d.id
FROM platform.databases d
WHERE d.project_id = p.id AND d.is_primary;

CREATE UNIQUE INDEX databases_one_primary_idx ON platform.databases (project_id) WHERE is_primary;
