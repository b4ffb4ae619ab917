CREATE TABLE e (url text DEFAULT 'https://${HOST}/');
