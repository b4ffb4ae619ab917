DROP INDEX CONCURRENTLY users_email_lower;
