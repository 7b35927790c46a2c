import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_api_tokens")]

    operations = [
        migrations.AddField(
            "secondfactorrule",
            "custom_role",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="second_factor_rules",
                to="accounts.customrole",
            ),
        ),
        migrations.AlterField(
            "secondfactorrule",
            "role",
            models.CharField(
                blank=True,
                choices=[
                    ("owner", "Owner"),
                    ("admin", "Administrator"),
                    ("technician", "Technician"),
                    ("billing", "Billing"),
                    ("viewer", "Viewer"),
                    ("customer", "Customer"),
                ],
                help_text="Empty: every role, or the custom one.",
                max_length=12,
            ),
        ),
        migrations.RemoveConstraint("secondfactorrule", "second_factor_rule_once"),
        migrations.AddConstraint(
            "secondfactorrule",
            models.UniqueConstraint(
                condition=models.Q(custom_role=None),
                fields=("tenant", "role"),
                name="second_factor_rule_once",
            ),
        ),
        migrations.AddConstraint(
            "secondfactorrule",
            models.UniqueConstraint(
                condition=models.Q(custom_role__isnull=False),
                fields=("tenant", "custom_role"),
                name="second_factor_custom_once",
            ),
        ),
        migrations.AddConstraint(
            "secondfactorrule",
            models.CheckConstraint(
                condition=models.Q(("custom_role", None), ("role", ""), _connector="OR"),
                name="second_factor_one_role",
            ),
        ),
    ]
