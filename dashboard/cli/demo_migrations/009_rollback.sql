DROP FUNCTION platform.add_usage(uuid, bigint, bigint);
DROP TABLE platform.project_usage;
