DROP TABLE platform.invoices;
DROP TABLE platform.subscriptions;
DROP TABLE platform.plans;
