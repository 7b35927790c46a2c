"""Every device the server knows: seeded ones, those registered since, and those waiting in the lobby."""

from dataclasses import replace

from comet.emulator.journal import Journal
from comet.emulator.population import Device, Population


class Fleet:
    """Devices by user name and device ID. A registered device keeps its user over restarts."""

    def __init__(self, population: Population, journal: Journal) -> None:
        self._journal = journal
        self._waiting = {device.device_id: device for device in population.lobby}
        self.all: list[Device] = list(population.devices)
        self._by_key = {(device.username, device.device_id): device for device in self.all}
        for device_id, username in journal.all("registered").items():
            if device_id in self._waiting:
                self._add(device_id, username)
        for key, version in journal.all("updated").items():
            username, _, device_id = key.rpartition("/")
            if (device := self.get(username, device_id)) is not None:
                device.version = version

    def get(self, username: str, device_id: str) -> Device | None:
        return self._by_key.get((username, device_id))

    def of_user(self, username: str) -> list[Device]:
        return [device for device in self.all if device.username == username]

    def lobby(self) -> list[Device]:
        """Devices that run the client and have no user yet."""
        return [d for d in self._waiting.values() if self._journal.get("lobby-left", d.device_id) is None]

    def register(self, device_id: str, username: str) -> Device:
        """Give a waiting device to a user."""
        self._journal.put("registered", device_id, username)
        return self._add(device_id, username)

    def leave_lobby(self, device_id: str) -> None:
        self._journal.put("lobby-left", device_id, True)

    def _add(self, device_id: str, username: str) -> Device:
        device = replace(self._waiting.pop(device_id), username=username)
        self.all.append(device)
        self._by_key[username, device_id] = device
        return device
