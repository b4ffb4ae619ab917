import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

#: As Django's createcachetable makes it: what all processes have to know of a sign-in under way.
CACHE = """
CREATE TABLE dashboard_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
CREATE INDEX dashboard_cache_expires ON dashboard_cache (expires);
"""


class Migration(migrations.Migration):
    """One-time links, sessions that can be seen and ended, who changed whose account, and counts of sign-ins."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('dashboard', '0015_audit_keeps_its_word'),
    ]

    operations = [
        migrations.RunSQL(CACHE, 'DROP TABLE dashboard_cache'),
        migrations.CreateModel(
            name='SignInCount',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('tries', models.PositiveIntegerField()),
                ('since', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='OneTimeLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                (
                    'purpose',
                    models.CharField(
                        choices=[('invitation', 'Invitation'), ('lost_password', 'Lost Password')], max_length=16
                    ),
                ),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                (
                    'made_by',
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    'person',
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name='links', to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name='PersonSession',
            fields=[
                ('key_hash', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('began_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('source_ip', models.GenericIPAddressField(null=True)),
                ('browser', models.CharField(blank=True, max_length=200)),
                (
                    'person',
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name='sessions',
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name='PersonChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                (
                    'kind',
                    models.CharField(
                        choices=[
                            ('was_invited', 'Invited'),
                            ('got_link', 'Link'),
                            ('used_link', 'Link Used'),
                            ('got_role', 'Role'),
                            ('got_address', 'Email'),
                            ('lost_factor', 'Second Factor'),
                            ('was_deactivated', 'Deactivated'),
                            ('was_reactivated', 'Reactivated'),
                        ],
                        max_length=32,
                    ),
                ),
                ('at', models.DateTimeField()),
                (
                    'by',
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    'person',
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name='changes',
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                'indexes': [models.Index(fields=['person', 'at'], name='dashboard_p_person__1bbc22_idx')],
            },
        ),
    ]
