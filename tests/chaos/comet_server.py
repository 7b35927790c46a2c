"""One emulated Comet Server of a run: its lists as it tells them, and its control plane. All by HTTP."""

from dataclasses import dataclass
from typing import Any

import requests

ORDER_SECONDS = 20
LIST_SECONDS = 120


@dataclass(frozen=True)
class CometServer:
    name: str
    url: str
    control_url: str
    admin: str
    password: str

    def call(self, path: str, **parameters: Any) -> Any:
        """Decoded answer of an API method."""
        form = {"Username": self.admin, "AuthType": "Password", "Password": self.password, **parameters}
        answer = requests.post(f"{self.url}/api/v1/{path}", data=form, timeout=LIST_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def order(self, path: str, **body: Any) -> dict[str, Any]:
        """Give its control plane an order."""
        answer = requests.post(f"{self.control_url}/{path}", json=body, timeout=ORDER_SECONDS)
        answer.raise_for_status()
        return dict(answer.json())

    def try_order(self, path: str, **body: Any) -> dict[str, Any]:
        """The same; nothing where the server is away."""
        try:
            return self.order(path, **body)
        except requests.RequestException:
            return {}
