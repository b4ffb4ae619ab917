DROP VIEW platform.databases_by_project;
DROP TABLE platform.databases;
