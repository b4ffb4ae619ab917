CREATE TABLE c (owner text DEFAULT :'owner');
