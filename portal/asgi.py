"""HTTP and websockets of one web process."""

import os
import warnings

from django.core.asgi import get_asgi_application

# WhiteNoise reads a static file in a thread; the warning asks for an iterator it does not offer.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django_application = get_asgi_application()

from django.conf import settings  # noqa: E402  (as below)
from django.db import connections  # noqa: E402
from django.urls import reverse  # noqa: E402

# Each request has a thread of its own, which would take its connection to the grave: it stays open until the
# garbage collector comes by, and a burst of webhooks leaves the other processes none.
for alias in settings.DATABASES:
    connections.settings[alias]["CONN_MAX_AGE"] = 0

from channels.auth import AuthMiddlewareStack  # noqa: E402  (needs the apps loaded above)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from portal.core.body_limits import BodyLimits  # noqa: E402
from portal.core.key_state import announce_in_background  # noqa: E402
from portal.core.same_origin import SameOriginWebsockets  # noqa: E402
from portal.live.routing import websocket_urlpatterns  # noqa: E402
from portal.live.sockets import with_raw_send  # noqa: E402

websocket_application = SameOriginWebsockets(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
application = ProtocolTypeRouter(
    {"http": BodyLimits(django_application), "websocket": with_raw_send(websocket_application)}
)
reverse("core:healthz")  # loads every address with its views, for which the first visitor would wait
announce_in_background()
