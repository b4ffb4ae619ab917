CREATE TABLE roles (name text PRIMARY KEY);
INSERT INTO roles VALUES ('owner'), ('member');
