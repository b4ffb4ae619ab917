from django.db import migrations, models


class Migration(migrations.Migration):
    """How far the statement is that runs just now is kept with its step."""

    dependencies = [
        ('dashboard', '0018_drift_around_runs'),
    ]

    operations = [
        migrations.AddField(
            model_name='runstep',
            name='progress',
            field=models.TextField(blank=True, default=''),
        ),
    ]
