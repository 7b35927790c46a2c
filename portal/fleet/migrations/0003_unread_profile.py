from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0002_suspension"),
        ("servers", "0003_released_placements"),
    ]

    operations = [
        migrations.AddField(
            model_name="userprofile",
            name="unread_since",
            field=models.DateTimeField(
                help_text="Since when it may be otherwise there: an event said that it changed, not how.",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="userprofile",
            index=models.Index(
                condition=models.Q(("unread_since__isnull", False)),
                fields=["server"],
                name="user_profile_unread",
            ),
        ),
    ]
