DROP INDEX platform.databases_one_primary_idx;
DROP FUNCTION platform.primary_database(uuid);
ALTER TABLE platform.projects DROP COLUMN primary_database_id;
