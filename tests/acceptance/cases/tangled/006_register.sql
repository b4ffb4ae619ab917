INSERT INTO shop.databases VALUES (1);
