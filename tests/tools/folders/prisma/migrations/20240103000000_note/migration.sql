CREATE TABLE "Note" ("id" INTEGER PRIMARY KEY, "account" INTEGER REFERENCES "Account"("id"));
