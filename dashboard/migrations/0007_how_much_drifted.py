from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0006_one_rehearsal_a_digest'),
    ]

    operations = [
        migrations.AddField(
            model_name='driftcheck',
            name='differing',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='driftcheck',
            name='since',
            field=models.DateTimeField(null=True),
        ),
    ]
