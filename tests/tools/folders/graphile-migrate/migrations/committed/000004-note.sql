--! Previous: sha1:623a0613b7dc102f6a2d5642b2d5139c3e331e28
--! Hash: sha1:b288470f76492124359cf3a33d326972f70f01d7
--! Message: note

CREATE TABLE note (id int PRIMARY KEY, account bigint REFERENCES account);
