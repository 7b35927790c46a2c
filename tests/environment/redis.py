"""A real Redis on a free port, for one test run."""

import subprocess
import tempfile
from pathlib import Path
from typing import Self

import redis as client
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from portal.demo.children import end_with_parent, stop
from portal.demo.ports import free_port
from portal.demo.redis_binary import redis_directory, write_config
from tests.marks import marked

PASSWORD = marked("redis")


class RedisServer:
    """Use as a context. Keeps nothing on disk; `url` is of its database 0."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self._folder = tempfile.TemporaryDirectory(prefix="perihelion-redis-")

    def __enter__(self) -> Self:
        config = write_config(Path(self._folder.name), port=self.port, password=PASSWORD)
        self._process = subprocess.Popen(
            [redis_directory() / "redis-server", config],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        patience = Retry(ConstantBackoff(0.02), retries=250)
        with client.Redis.from_url(self.url, retry=patience) as connection:
            connection.ping()
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._process)
        self._folder.cleanup()
