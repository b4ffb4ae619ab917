CREATE TABLE "${SCHEMA}" (i int);
