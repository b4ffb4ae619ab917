
  ---- UP   migration of names
INSERT INTO account (name) VALUES ('between the marks');
--DOWN MIGRATION
DELETE FROM account WHERE name LIKE '%the marks';
