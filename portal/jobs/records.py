"""What the portal reads of a Job: its mirrored columns and nothing else."""

import msgspec


class ProgressRecord(msgspec.Struct, gc=False):
    """Progress of a running Job. Counter rises with each change; the total may be 0 (not known)."""

    counter: int = msgspec.field(default=0, name="Counter")
    recieved_time: int = msgspec.field(default=0, name="RecievedTime")  # Unix seconds; Comet's spelling
    bytes_done: int = msgspec.field(default=0, name="BytesDone")
    items_done: int = msgspec.field(default=0, name="ItemsDone")
    items_total: int = msgspec.field(default=0, name="ItemsTotal")


class JobRecord(msgspec.Struct, gc=False):
    """`BackupJobDetail` with the fields that are mirrored. Times are Unix seconds, 0 is "not yet"."""

    guid: str = msgspec.field(name="GUID")
    username: str = msgspec.field(default="", name="Username")
    classification: int = msgspec.field(default=0, name="Classification")
    status: int = msgspec.field(default=0, name="Status")
    start_time: int = msgspec.field(default=0, name="StartTime")
    end_time: int = msgspec.field(default=0, name="EndTime")
    source_guid: str = msgspec.field(default="", name="SourceGUID")
    destination_guid: str = msgspec.field(default="", name="DestinationGUID")
    device_id: str = msgspec.field(default="", name="DeviceID")
    client_version: str = msgspec.field(default="", name="ClientVersion")
    total_files: int = msgspec.field(default=0, name="TotalFiles")
    total_size: int = msgspec.field(default=0, name="TotalSize")
    upload_size: int = msgspec.field(default=0, name="UploadSize")
    download_size: int = msgspec.field(default=0, name="DownloadSize")
    cancellation_id: str = msgspec.field(default="", name="CancellationID")
    progress: ProgressRecord | None = msgspec.field(default=None, name="Progress")
