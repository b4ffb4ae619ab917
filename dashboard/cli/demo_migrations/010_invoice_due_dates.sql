-- Invoices get a due date: thirty days after they were paid, or from now where they are open.
ALTER TABLE platform.invoices ADD COLUMN due_on date;

UPDATE platform.invoices SET due_on = coalesce(paid_at::date, current_date) + 30;

ALTER TABLE platform.invoices ALTER COLUMN due_on SET NOT NULL;

CREATE INDEX invoices_due_on_idx ON platform.invoices (due_on) WHERE paid_at IS NULL;
