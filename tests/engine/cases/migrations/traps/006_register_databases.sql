INSERT INTO databases VALUES ('main');
