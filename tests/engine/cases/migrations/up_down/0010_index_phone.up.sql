-- no-transaction
CREATE INDEX CONCURRENTLY users_phone ON users (phone);
ANALYZE users;
