"""ZIP archives of which two with the same content are the same bytes, whenever they were made."""

import io
import zipfile
from collections.abc import Mapping


def zip_of(files: Mapping[str, str | bytes], *, compressed: bool = True) -> bytes:
    """The files, by name, all of the first day a ZIP archive can name."""
    written = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=how)
    return written.getvalue()
