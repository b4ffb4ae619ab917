from django.db import migrations, models

MODELS = ("request", "run", "rehearsal")


class Migration(migrations.Migration):
    """One name for what a request, a run and a rehearsal do, as their plans and their steps have it."""

    dependencies = [
        ('dashboard', '0008_rehearsal_risks'),
    ]

    operations = [
        *(migrations.RenameField(model_name=model, old_name='kind', new_name='action') for model in MODELS),
        *(
            migrations.AlterField(model_name=model, name='action', field=models.CharField(max_length=16))
            for model in MODELS
        ),
    ]
