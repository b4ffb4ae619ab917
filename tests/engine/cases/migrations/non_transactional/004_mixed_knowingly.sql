-- signalbox: transaction=none
ALTER TABLE users ADD COLUMN town text;
CREATE INDEX CONCURRENTLY users_town ON users (town);
