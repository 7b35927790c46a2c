"""A person at the portal, by HTTP: signs in, links servers, sets up webhooks, runs backups."""

import re
from typing import Any

import requests

SECONDS = 30


class PortalClient:
    def __init__(self, url: str, email: str, password: str) -> None:
        self._url = url
        self._session = requests.Session()
        self.post("/accounts/login/", login=email, password=password)
        if "sessionid" not in self._session.cookies:
            raise RuntimeError(f"{email} could not sign in.")

    def post(self, path: str, **form: Any) -> requests.Response:
        """Send a form as a browser would; its answer, redirects not followed.

        Raises:
            requests.RequestException: nobody answered, or with an error.
        """
        if "csrftoken" not in self._session.cookies:
            self._session.get(self._url + "/accounts/login/", timeout=SECONDS).raise_for_status()
        token = self._session.cookies["csrftoken"]
        answer = self._session.post(
            self._url + path,
            data={**form, "csrfmiddlewaretoken": token},
            headers={"Referer": self._url + path},
            timeout=SECONDS,
            allow_redirects=False,
        )
        answer.raise_for_status()
        return answer

    def link(self, name: str, api_url: str, username: str, password: str, tenant: int) -> None:
        self.post(
            "/servers/link/",
            name=name,
            api_url=api_url,
            browser_url="",
            username=username,
            password=password,
            own_admin="no",
            tenant=tenant,
        )

    def run_backup(self, device: int, item: int) -> int:
        """Ask for a backup of one Protected Item; gives the Operation's id."""
        answer = self.post("/devices/backup/run/", device=device, item=item, vault="")
        found = re.search(r"/operations/(\d+)/", answer.headers.get("Location", ""))
        if found is None:
            raise RuntimeError(f"No Operation was started: {answer.status_code}.")
        return int(found[1])
