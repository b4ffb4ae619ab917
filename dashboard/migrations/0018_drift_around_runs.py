from django.db import migrations, models


class Migration(migrations.Migration):
    """What differed from the expected schema right before and right after a run is kept with the snapshot of it, and what
    broken-off runs left half done is kept apart from drift."""

    dependencies = [
        ('dashboard', '0017_approval_policy'),
    ]

    operations = [
        migrations.AddField(
            model_name='snapshot',
            name='around',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='driftcheck',
            name='leftovers',
            field=models.JSONField(default=list),
        ),
        migrations.AlterField(
            model_name='driftcheck',
            name='outcome',
            field=models.CharField(
                choices=[
                    ('clean', 'Clean'),
                    ('half_done', 'Half Done'),
                    ('drifted', 'Drifted'),
                    ('unreachable', 'Unreachable'),
                ],
                max_length=16,
            ),
        ),
    ]
