from django.db import migrations, models

import portal.core.indexes


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_any_depth_suspended_trashed"),
    ]

    operations = [
        migrations.AlterField(
            model_name="tenant",
            name="path",
            field=models.TextField(editable=False, help_text="As long as the tree is deep."),
        ),
        migrations.AddIndex(
            model_name="tenant",
            index=portal.core.indexes.PrefixIndex(fields=["path"], name="tenant_path"),
        ),
    ]
