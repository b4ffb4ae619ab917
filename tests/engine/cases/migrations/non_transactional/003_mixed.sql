ALTER TABLE users ADD COLUMN city text;
CREATE INDEX CONCURRENTLY users_city ON users (city);
