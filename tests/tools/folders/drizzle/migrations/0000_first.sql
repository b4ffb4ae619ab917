CREATE TABLE "account" ("id" serial PRIMARY KEY NOT NULL, "name" text NOT NULL);
--> statement-breakpoint
CREATE UNIQUE INDEX "account_name" ON "account" ("name");--> statement-breakpoint
INSERT INTO "account" ("name") VALUES ('a; b'), ('it''s');
