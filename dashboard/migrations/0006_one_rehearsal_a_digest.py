from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0005_saved_rows'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='rehearsal',
            constraint=models.UniqueConstraint(
                condition=models.Q(('status__in', ['queued', 'running'])),
                fields=('environment', 'digest'),
                name='one_active_rehearsal_a_digest',
            ),
        ),
    ]
