from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def fill(apps: Any, schema_editor: Any) -> None:
    """Where the server is now is where it was: until now nothing else was kept."""
    launches = apps.get_model("sso", "Launch").objects
    servers = apps.get_model("servers", "CometServer").objects
    launches.update(api_url=Subquery(servers.filter(pk=OuterRef("server_id")).values("api_url")[:1]))


class Migration(migrations.Migration):
    dependencies = [("sso", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="launch",
            name="api_url",
            field=models.CharField(
                default="", help_text="Who issued the key; it is sent nowhere else.", max_length=255
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
