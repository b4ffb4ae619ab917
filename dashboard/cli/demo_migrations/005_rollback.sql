DROP TABLE platform.audit_logs;
