"""The real parts that tests run against: Redis, PostgreSQL, Chromium, and the portal as `make run` starts it."""
