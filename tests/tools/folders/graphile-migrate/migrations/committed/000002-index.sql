--! Previous: sha1:65d759cb27facf1eef08888a09dc4eea1fb8859f
--! Hash: sha1:21baf2fbe3e7970fa89a1798d0307629b1e5294a
--! Message: index

--! no-transaction
CREATE INDEX CONCURRENTLY account_name_idx ON account (name);
