--liquibase formatted sql
--changeset ada:words splitStatements:false
CREATE FUNCTION shout(words text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    RETURN upper(words) || ';';
END
$body$;
--rollback DROP FUNCTION shout(text);
--changeset bob:shouting dbms:postgresql
UPDATE account SET name = shout(name) WHERE id = 1;
--rollback empty
--changeset bob:elsewhere dbms:oracle
SELECT 1 FROM dual;
