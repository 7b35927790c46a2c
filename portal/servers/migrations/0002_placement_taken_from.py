import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("servers", "0001_initial"),
        ("tenants", "0003_path_by_prefix"),
    ]

    operations = [
        migrations.AddField(
            model_name="placement",
            name="taken_from",
            field=models.ForeignKey(
                help_text="Where it was placed before that went into the trash.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
    ]
