import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Mails wait in a table until a server has taken them, and people say which they want."""

    dependencies = [
        ('dashboard', '0020_git_sources'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Mail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('approval_wanted', 'Approval Wanted'), ('was_mentioned', 'Mentioned'), ('request_decided', 'Decided'), ('own_run_failed', 'Run Failed'), ('glass_broken', 'Glass'), ('review_open', 'Review Open'), ('account_changed', 'Account'), ('one_time_link', 'Link'), ('audit_head', 'Audit Head')], max_length=24)),
                ('address', models.EmailField(max_length=254)),
                ('facts', models.JSONField(default=dict)),
                ('status', models.CharField(choices=[('mail_waiting', 'Waiting'), ('mail_sent', 'Sent'), ('mail_undelivered', 'Undelivered'), ('mail_needless', 'Needless')], default='mail_waiting', max_length=24)),
                ('queued_at', models.DateTimeField()),
                ('next_try_at', models.DateTimeField()),
                ('tries', models.PositiveIntegerField(default=0)),
                ('ended_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, choices=[('server_away', 'Away'), ('server_lacks', 'Lacks'), ('server_without_tls', 'No Tls'), ('server_refused_sign_in', 'No Sign In'), ('server_refused_sender', 'Sender'), ('server_broke_off', 'Broke Off'), ('server_said_later', 'Later'), ('server_refused_address', 'Address'), ('server_refused_content', 'Content')], default='', max_length=24)),
                ('reply', models.PositiveIntegerField(null=True)),
                ('person', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='mails', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(fields=['status', 'next_try_at'], name='dashboard_m_status_755e98_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('status', 'mail_waiting')), models.Q(models.Q(('status', 'mail_waiting'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='mail_ended_when_final'), models.CheckConstraint(condition=models.Q(('next_try_at__gte', models.F('queued_at'))), name='mail_tried_later')],
            },
        ),
        migrations.CreateModel(
            name='Unwanted',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('approval_wanted', 'Approval Wanted'), ('was_mentioned', 'Mentioned'), ('request_decided', 'Decided'), ('own_run_failed', 'Run Failed'), ('glass_broken', 'Glass'), ('review_open', 'Review Open'), ('account_changed', 'Account'), ('one_time_link', 'Link'), ('audit_head', 'Audit Head')], max_length=24)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='unwanted_mails', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('person', 'kind'), name='unwanted_once')],
            },
        ),
    ]
