"""What PostgreSQL's own parser says of a text. Nothing else imports postgast, and nothing here talks to a database."""
