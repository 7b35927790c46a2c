from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0002_cancel_asked_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="digest",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Of its text in the list that told it last, once it has ended.",
                max_length=32,
            ),
            preserve_default=False,
        ),
    ]
