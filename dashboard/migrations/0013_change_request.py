from django.db import migrations


class Migration(migrations.Migration):
    """The model has another name than Django's requests; its table keeps the name it has."""

    dependencies = [
        ('dashboard', '0012_attempt_identity'),
    ]

    operations = [
        migrations.AlterModelTable(name='request', table='dashboard_request'),
        migrations.RenameModel(old_name='Request', new_name='ChangeRequest'),
    ]
