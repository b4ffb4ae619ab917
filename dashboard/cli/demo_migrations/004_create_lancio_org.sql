-- The first customer, with its plan.
WITH organization AS (
    INSERT INTO platform.organizations (name, slug) VALUES ('Lancio', 'lancio') RETURNING id
), project AS (
    INSERT INTO platform.projects (organization_id, name, ref)
    SELECT id, 'BlackWhale', 'blackwhale' FROM organization
)
INSERT INTO platform.subscriptions (organization_id, plan_code, renews_on)
SELECT id, 'team', DATE '2026-01-01' FROM organization;
