--   migrate:up   
ALTER TABLE account ADD COLUMN email text DEFAULT 'none';
-- migrate:down
ALTER TABLE account DROP COLUMN email;
