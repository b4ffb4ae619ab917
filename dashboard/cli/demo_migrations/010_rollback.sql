DROP INDEX platform.invoices_due_on_idx;
ALTER TABLE platform.invoices DROP COLUMN due_on;
