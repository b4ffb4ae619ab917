-- The schema itself stays: the migration history lives in it.
DROP TABLE platform.projects;
DROP TABLE platform.organizations;
