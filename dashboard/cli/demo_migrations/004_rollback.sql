DELETE FROM platform.organizations WHERE slug = 'lancio';
