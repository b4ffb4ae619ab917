from django.db import migrations

CREATE = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '42501';
END $body$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dashboard_auditevent
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
"""
DROP = "DROP TRIGGER append_only ON dashboard_auditevent; DROP FUNCTION audit_is_append_only();"


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
