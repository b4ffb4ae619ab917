import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def name_installation_of_runs(apps, schema_editor):
    """Every run of before was taken by the installation that this database has been until now."""
    database = schema_editor.connection.alias
    installation = apps.get_model('dashboard', 'Installation').objects.using(database).filter(pk=1).first()
    if installation:
        runs = apps.get_model('dashboard', 'Run').objects.using(database).filter(attempt_id__isnull=False)
        runs.update(installation=installation.identity)


class Migration(migrations.Migration):
    """A copy of the control database is told from its original by where it lives, and each run says which of them took
    it. Where an installation of before lives is recorded by its first use: that is no copy.
    """


    dependencies = [
        ('dashboard', '0023_mails'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='installation',
            name='confirmed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='installation',
            name='confirmed_because',
            field=models.TextField(blank=True, default=''),
        ),
        migrations.AddField(
            model_name='installation',
            name='confirmed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='installation',
            name='copy_of',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='installation',
            name='home',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='installation',
            name='noticed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='installation',
            field=models.UUIDField(null=True),
        ),
        migrations.AddConstraint(
            model_name='installation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('copy_of__isnull', True), ('noticed_at__isnull', True)), models.Q(('copy_of__isnull', False), ('noticed_at__isnull', False)), _connector='OR'), name='installation_copied_and_when'),
        ),
        migrations.AddConstraint(
            model_name='installation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at__isnull', True), ('confirmed_by__isnull', True)), models.Q(('confirmed_at__isnull', False), ('confirmed_by__isnull', False), ('copy_of__isnull', False)), _connector='OR'), name='installation_confirmed_who_and_when'),
        ),
        migrations.RunPython(name_installation_of_runs, migrations.RunPython.noop, elidable=True),
    ]
