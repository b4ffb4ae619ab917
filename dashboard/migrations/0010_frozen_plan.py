from django.db import migrations

MODELS = ('request', 'run', 'rehearsal')


class Migration(migrations.Migration):
    """The field holds a frozen plan; the plan itself is a value of the engine."""

    dependencies = [
        ('dashboard', '0009_action'),
    ]

    operations = [
        migrations.RenameField(model_name=model, old_name='plan', new_name='frozen_plan') for model in MODELS
    ]
