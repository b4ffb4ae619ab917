from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0007_how_much_drifted'),
    ]

    operations = [
        migrations.AddField(
            model_name='rehearsal',
            name='risks',
            field=models.JSONField(default=list),
        ),
    ]
