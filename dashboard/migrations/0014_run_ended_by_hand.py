import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """An interrupted run of which nothing can be found out any more is ended by a person, with a reason."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('dashboard', '0013_change_request'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='ended_by',
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name='run', name='ended_because', field=models.TextField(blank=True, default='')
        ),
        migrations.AlterField(
            model_name='run',
            name='status',
            field=models.CharField(
                choices=[
                    ('queued', 'Queued'),
                    ('running', 'Running'),
                    ('succeeded', 'Succeeded'),
                    ('failed', 'Failed'),
                    ('cancelled', 'Cancelled'),
                    ('interrupted', 'Interrupted'),
                    ('resolved', 'Resolved'),
                    ('unproven', 'Unproven'),
                ],
                default='queued',
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(
                name='run_unproven_says_who',
                condition=models.Q(status='unproven', ended_by__isnull=False)
                | (~models.Q(status='unproven') & models.Q(ended_by__isnull=True)),
            ),
        ),
    ]
