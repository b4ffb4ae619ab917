CREATE TABLE "note" ("id" integer PRIMARY KEY, "account" integer REFERENCES "account" ("id"));
