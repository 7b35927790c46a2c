from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="tenant",
            name="tenant_name_once_per_parent",
        ),
        migrations.RemoveConstraint(
            model_name="tenant",
            name="tenant_provider_is_root",
        ),
        migrations.AddField(
            model_name="tenant",
            name="is_suspended",
            field=models.BooleanField(default=False, editable=False, help_text="It, or one above it."),
        ),
        migrations.AddField(
            model_name="tenant",
            name="is_trashed",
            field=models.BooleanField(default=False, editable=False, help_text="It, or one above it."),
        ),
        migrations.AddField(
            model_name="tenant",
            name="suspended_at",
            field=models.DateTimeField(editable=False, help_text="Since when, by itself.", null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="trashed_at",
            field=models.DateTimeField(editable=False, help_text="Since when, by itself.", null=True),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="path",
            field=models.TextField(
                editable=False, help_text="Any depth: PostgreSQL could not index all of it."
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.UniqueConstraint(
                condition=models.Q(("trashed_at", None)),
                fields=("parent", "name"),
                name="tenant_name_once_beside",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "provider")), fields=("kind",), name="tenant_one_provider"
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "provider"), ("parent", None)),
                    models.Q(models.Q(("kind", "provider"), _negated=True), ("parent__isnull", False)),
                    _connector="OR",
                ),
                name="tenant_only_provider_is_root",
            ),
        ),
    ]
