import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Commits that were fetched of sources in git repositories, with their files, and how each source stands."""

    dependencies = [
        ('dashboard', '0019_step_progress'),
    ]

    operations = [
        migrations.CreateModel(
            name='GitBlob',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('content', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='GitCommit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=64)),
                ('origin', models.TextField()),
                ('sha', models.CharField(max_length=64)),
                ('ref', models.TextField()),
                ('author_name', models.TextField(blank=True)),
                ('author_email', models.TextField(blank=True)),
                ('authored_at', models.DateTimeField(null=True)),
                ('message', models.TextField(blank=True)),
                ('subject', models.CharField(blank=True, max_length=200)),
                ('parents', models.JSONField(default=list)),
                ('fetched_at', models.DateTimeField()),
                ('files', models.JSONField(default=list)),
                ('problems', models.JSONField(default=list)),
                ('descent', models.CharField(blank=True, max_length=16)),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('source', 'origin', 'sha'), name='one_row_a_commit_of_a_source')],
            },
        ),
        migrations.CreateModel(
            name='GitSource',
            fields=[
                ('name', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('since', models.DateTimeField(null=True)),
                ('asked_at', models.DateTimeField(null=True)),
                ('begun_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('succeeded_at', models.DateTimeField(null=True)),
                ('failure', models.JSONField(null=True)),
                ('failing_since', models.DateTimeField(null=True)),
                ('commit', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='dashboard.gitcommit')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('failing_since__isnull', True), ('failure__isnull', True)), models.Q(('failing_since__isnull', False), ('failure__isnull', False)), _connector='OR'), name='git_source_failure_since')],
            },
        ),
    ]
