from django.db import migrations, models


class Migration(migrations.Migration):
    """The audit log's hashes carry a key, its events a place in the count, and repeated events are counted."""

    dependencies = [('dashboard', '0014_run_ended_by_hand')]

    operations = [
        migrations.AddField(
            model_name='auditevent',
            name='position',
            field=models.BigIntegerField(null=True, unique=True),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='key_id',
            field=models.CharField(blank=True, default='', max_length=16),
        ),
        migrations.CreateModel(
            name='RepeatedEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=64)),
                ('subject', models.TextField()),
                ('actor', models.TextField()),
                ('actor_id', models.BigIntegerField(null=True)),
                ('data', models.JSONField(default=dict)),
                ('since', models.DateTimeField()),
                ('count', models.PositiveIntegerField(default=0)),
                ('addresses', models.JSONField(default=list)),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('kind', 'subject'), name='one_row_a_repeated_event'),
                ],
            },
        ),
    ]
