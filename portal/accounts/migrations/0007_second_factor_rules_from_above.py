import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_second_factor_rules_of_custom_roles"), ("tenants", "0001_initial")]

    operations = [
        migrations.AddField(
            "secondfactorrule",
            "set_from",
            models.ForeignKey(
                help_text="The topmost tenant where who set it gives roles: it is taken back from there."
                " Empty: its own.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
    ]
