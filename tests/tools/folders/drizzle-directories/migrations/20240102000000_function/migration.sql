CREATE FUNCTION shout(words text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    RETURN upper(words) || ';';
END
$body$;
--> statement-breakpoint
UPDATE "account" SET "name" = shout("name") WHERE "id" = 1
