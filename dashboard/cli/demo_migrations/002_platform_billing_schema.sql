-- Plans, subscriptions and what was billed.
CREATE TABLE platform.plans (
    code         text PRIMARY KEY,
    title        text NOT NULL,
    price_cents  integer NOT NULL CHECK (price_cents >= 0)
);

INSERT INTO platform.plans (code, title, price_cents) VALUES
    ('free', 'Free', 0),
    ('pro', 'Pro', 2500),
    ('team', 'Team', 59900);

CREATE TABLE platform.subscriptions (
    organization_id  uuid PRIMARY KEY REFERENCES platform.organizations (id) ON DELETE CASCADE,
    plan_code        text NOT NULL REFERENCES platform.plans (code),
    renews_on        date NOT NULL
);

CREATE TABLE platform.invoices (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id  uuid NOT NULL REFERENCES platform.organizations (id),
    amount_cents     integer NOT NULL,
    paid_at          timestamptz
);
