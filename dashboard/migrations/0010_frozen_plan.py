from django.db import migrations, models

MODELS = ('request', 'run', 'rehearsal')


class Migration(migrations.Migration):
    """The field holds a frozen plan; the plan itself is a value of the engine. The column keeps its name."""

    dependencies = [
        ('dashboard', '0009_action'),
    ]

    operations = [
        operation
        for model in MODELS
        for operation in (
            migrations.AlterField(model_name=model, name='plan', field=models.JSONField(db_column='plan')),
            migrations.RenameField(model_name=model, old_name='plan', new_name='frozen_plan'),
        )
    ]
