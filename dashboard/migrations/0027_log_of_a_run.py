from django.db import migrations, models


class Migration(migrations.Migration):
    """A run keeps which log it wrote to, so that one that was made anew is not believed to tell what it did."""

    dependencies = [
        ('dashboard', '0026_api_tokens'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='log_number',
            field=models.BigIntegerField(null=True),
        ),
    ]
