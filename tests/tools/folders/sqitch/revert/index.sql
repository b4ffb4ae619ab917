DROP INDEX account_name_idx;
