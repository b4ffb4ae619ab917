INSERT INTO shop.people VALUES (1, 'Ada'), (2, 'Grace');
