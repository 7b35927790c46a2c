from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0003_unread_profile"),
    ]

    operations = [
        migrations.AddField(
            model_name="device",
            name="presence_at",
            field=models.DateTimeField(
                help_text="By its server's clock: of when `connections` is. What is older came late.",
                null=True,
            ),
        ),
    ]
