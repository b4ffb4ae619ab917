SELECT id FROM account WHERE false;
