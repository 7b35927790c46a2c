"""Groups of events as a column, and the indexes by which the activity page finds them.

Those on `server` and `placement` alone go: the ones that lead on to the time do the same.
"""

import django.db.models.deletion
from django.db import migrations, models

import portal.live.groups
from portal.live.kinds import group_of

MOST_COMMON = "job"


def fill_groups(apps, schema_editor):
    events = apps.get_model("live", "Event").objects.order_by()
    for number in events.values_list("type", flat=True).distinct():
        if group_of(number) != MOST_COMMON:
            events.filter(type=number).update(group=group_of(number))


class Migration(migrations.Migration):
    dependencies = [
        ("servers", "0002_placement_taken_from"),
        ("live", "0004_relay_health"),
    ]

    operations = [
        migrations.AddField(
            model_name="event",
            name="group",
            field=portal.live.groups.GroupField(
                default=MOST_COMMON,
                help_text="Of its type, as the activity page tells types apart.",
                max_length=12,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill_groups, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="event",
            name="placement",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="servers.placement",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="server",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="servers.cometserver",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["server", "received_at", "id"], name="event_by_server"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["group", "received_at", "id"], name="event_by_group"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["actor", "received_at", "id"], name="event_by_actor"),
        ),
    ]
