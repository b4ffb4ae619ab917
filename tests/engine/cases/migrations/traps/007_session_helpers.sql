CREATE FUNCTION current_person() RETURNS bigint
LANGUAGE sql AS $$ SELECT nullif(current_setting('app.person', true), '')::bigint $$;
