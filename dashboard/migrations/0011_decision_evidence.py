from django.db import migrations, models


class Migration(migrations.Migration):
    """What was proven when a person decided, so that a finished request still shows it."""

    dependencies = [
        ('dashboard', '0010_frozen_plan'),
    ]

    operations = [
        migrations.AddField(model_name='decision', name='evidence', field=models.JSONField(null=True)),
    ]
