import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    """Rows in a target name the attempt that wrote them and the installation it ran in, because numbers repeat.

    Runs of before have no attempt: their rows in the targets have only the number.
    """

    dependencies = [
        ('dashboard', '0011_decision_evidence'),
    ]

    operations = [
        migrations.CreateModel(
            name='Installation',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('identity', models.UUIDField(default=uuid.uuid4, editable=False)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_installation')],
            },
        ),
        migrations.AddField(
            model_name='run',
            name='attempt_id',
            field=models.UUIDField(null=True, unique=True),
        ),
        migrations.AddField(
            model_name='run',
            name='began_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='tracking_schema',
            field=models.CharField(blank=True, default='', max_length=63),
        ),
    ]
