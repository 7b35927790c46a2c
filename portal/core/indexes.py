"""Kinds of index that Django lacks."""

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement


class PrefixIndex(models.Index):
    """Finds texts by how they begin, whatever their length.

    PostgreSQL keeps no text beyond 2,700 bytes in its usual kind of index; SP-GiST has no limit.
    """

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **kwargs: Any,
    ) -> Statement:
        if schema_editor.connection.vendor == "postgresql":
            using = " USING spgist"
        return super().create_sql(model, schema_editor, using=using, **kwargs)
