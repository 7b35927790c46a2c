"""The real parts that tests run against: Redis, PostgreSQL, Chromium, the portal of `make run`."""
