"""Settings, read from the environment.

`PERIHELION_ENV` is `production` (the default: closed, refuses to start without a SECRET_KEY and on
demo keys; without ENCRYPTION_KEYS it starts and says what does not work), `demo` (what `make run`
starts; keys come from `data/demo.env`) or `test`.
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal.core.client_address import trusted_networks
from portal.core.environment import (
    DEMO_KEY_PREFIX,
    SecretFileProblem,
    env_event_types,
    env_flag,
    env_int,
    env_list,
    env_secret,
    env_secret_list,
    load_env_file,
)
from portal.core.logs import logging_config
from portal.core.origins import trusted_origins

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = os.environ.get("PERIHELION_ENV", "production")
if ENV not in {"production", "demo", "test"}:
    raise ImproperlyConfigured(f"PERIHELION_ENV is {ENV!r}; it must be production, demo or test.")
PRODUCTION = ENV == "production"
DATA_DIR = Path(os.environ.get("PERIHELION_DATA", BASE_DIR / "data")).absolute()
if ENV == "demo":
    load_env_file(DATA_DIR / "demo.env")

# Keys: in the variable, or in the file that the variable with _FILE behind it names. See docs/operations.md

SECRET_KEY = env_secret("SECRET_KEY", "" if PRODUCTION else f"{DEMO_KEY_PREFIX}not-for-production")
ENCRYPTION_KEYS: list[str] = []  # Fernet keys, newest first
ENCRYPTION_KEYS_PROBLEM = ""  # why their file could not be read
try:
    ENCRYPTION_KEYS = env_secret_list("ENCRYPTION_KEYS")
except SecretFileProblem as problem:
    ENCRYPTION_KEYS_PROBLEM = str(problem)
if PRODUCTION:
    if len(SECRET_KEY) < 50:
        raise ImproperlyConfigured("SECRET_KEY must be set to at least 50 random characters.")
    if SECRET_KEY.startswith(DEMO_KEY_PREFIX):
        raise ImproperlyConfigured("SECRET_KEY is a demo key. Make one of your own for production.")
    if any(key.startswith(DEMO_KEY_PREFIX) for key in ENCRYPTION_KEYS):
        raise ImproperlyConfigured("ENCRYPTION_KEYS holds a demo key. Make one of your own for production.")
# Seals the audit. Without one, or with a demo's in production, the portal starts and its audit page says so.
AUDIT_KEYS: list[str] = []  # newest first
AUDIT_KEY_PROBLEM = ""  # why their file could not be read
try:
    AUDIT_KEYS = env_secret_list("AUDIT_KEY") or (
        [] if PRODUCTION else [f"{DEMO_KEY_PREFIX}not-for-production-the-same-in-every-checkout"]
    )
except SecretFileProblem as problem:
    AUDIT_KEY_PROBLEM = str(problem)
AUDIT_RETENTION_MONTHS = env_int("AUDIT_RETENTION_MONTHS", 24, least=0)  # 0 keeps all for ever
EVENT_RETENTION_MONTHS = env_int("EVENT_RETENTION_MONTHS", 13, least=0)  # likewise

# Where it is served

DEBUG = False
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.core.error_reports.ErrorReportFilter"
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", [] if PRODUCTION else ["*"])
HTTPS = env_flag("HTTPS", PRODUCTION)
CSRF_TRUSTED_ORIGINS = trusted_origins(env_list("CSRF_TRUSTED_ORIGINS"), https=HTTPS)
if HTTPS:
    SECURE_SSL_REDIRECT = env_flag("SECURE_SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # Browsers take a cookie of such a name over https only, for this host alone and all of its paths.
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
# Proxies whose X-Forwarded-For is believed: addresses or ranges. None is where this is empty.
TRUSTED_PROXIES = trusted_networks(env_list("TRUSTED_PROXIES"))
if env_flag("TRUST_X_FORWARDED_PROTO", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"  # the launcher of sign-ins into Comet alone says otherwise
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"

# Addresses of Comet Servers a person may link: public ones, and private ranges listed here
# (CIDR, with an optional :port). Link-local and metadata addresses never.
ALLOWED_NETWORKS = env_list("ALLOWED_NETWORKS")
# Authorities that sign the certificates of Comet Servers: a PEM file in place of the public ones.
COMET_CA_FILE = os.environ.get("COMET_CA_FILE") or None
if COMET_CA_FILE and not Path(COMET_CA_FILE).is_file():
    raise ImproperlyConfigured(f"COMET_CA_FILE names {COMET_CA_FILE}, where there is no file.")
# Types of events Comet Servers are asked for beside those the mirror needs; all where it is empty.
EVENT_TYPES = env_event_types("EVENT_TYPES")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "channels",
    "csp",
    "django_filters",
    "django_htmx",
    "portal.core",
    "portal.audit",
    "portal.operations",
    "portal.tenants",
    "portal.accounts",
    "portal.servers",
    "portal.fleet",
    "portal.jobs",
    "portal.live",
    "portal.overview",
    "portal.alerts",
    "portal.sso",
    "portal.placing",
    "portal.api",
    "portal.demo",
]

MIDDLEWARE = [
    "portal.core.headers.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.core.client_address.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.api.middleware.TokenOnlyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.audit.origin.OriginMiddleware",
    "portal.accounts.refusals.RefusalMiddleware",
    "portal.accounts.middleware.SessionLimitsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.accounts.middleware.AccessMiddleware",
    "portal.accounts.factor_middleware.SecondFactorMiddleware",
    "portal.core.middleware.LoginRedirectForHtmxMiddleware",
    "portal.core.middleware.UnreadableSecretsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE],  # not even a file of the portal's own runs that a page does not name
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "frame-src": [NONE],
        "report-uri": "/policy-report",
    }
}

# Storage

DATABASES = {
    "default": dj_database_url.parse(
        env_secret("DATABASE_URL", f"sqlite:///{DATA_DIR / 'perihelion.sqlite3'}"),
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
        " PRAGMA cache_size=-64000;"  # KiB
        " PRAGMA wal_autocheckpoint=16000;",  # pages: a page changed often is then copied back once
    }
# libpq says this as it connects, which spares Django the question each new connection would begin with.
os.environ.setdefault("PGTZ", "UTC")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env_secret("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    # What limits sign-in attempts and refuses codes that were used. It must hold while Redis is away,
    # and when Redis is emptied: it is written a few times per attempt, never by a page.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_limit",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL},
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}

# Background work. Bulk work (full syncs) has a queue of its own, so that it never delays a click.

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "portal.live.tasks.close_gap": {"queue": "bulk"},
    "portal.live.tasks.count_events": {"queue": "bulk"},
    "portal.live.tasks.retain_events": {"queue": "bulk"},
    "portal.audit.tasks.verify": {"queue": "bulk"},
    "portal.audit.tasks.retain": {"queue": "bulk"},
    "portal.alerts.tasks.sweep_slow": {"queue": "bulk"},
    "portal.alerts.tasks.retain": {"queue": "bulk"},
}
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONSUMER = "portal.core.broker:Consumer"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever: a worker outlives any absence of Redis
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 10, "socket_connect_timeout": 5}
CELERY_BEAT_SCHEDULE = {
    "operations-sweep": {"task": "portal.operations.tasks.sweep", "schedule": 10.0},
    "jobs-poll-progress": {"task": "portal.jobs.tasks.poll_progress", "schedule": 3.0},
    "jobs-messages": {"task": "portal.jobs.tasks.fetch_messages", "schedule": 30.0},
    "jobs-reconcile": {"task": "portal.jobs.tasks.reconcile_unfinished", "schedule": 300.0},
    "fleet-connections": {"task": "portal.fleet.tasks.poll_connections", "schedule": 60.0},
    "fleet-nightly": {"task": "portal.fleet.tasks.sync_all_servers", "schedule": crontab(hour=2, minute=30)},
    "live-set-aside": {"task": "portal.live.tasks.trim_set_aside", "schedule": 3600.0},
    "live-sweep": {"task": "portal.live.tasks.sweep_streams", "schedule": 10.0},
    "live-unfollowed": {"task": "portal.live.tasks.read_unfollowed", "schedule": crontab(minute="14,44")},
    "live-count": {"task": "portal.live.tasks.count_events", "schedule": 900.0},
    "live-retain": {"task": "portal.live.tasks.retain_events", "schedule": crontab(hour=4, minute=40)},
    "accounts-sessions": {"task": "portal.accounts.tasks.sweep_sessions", "schedule": 3600.0},
    "audit-sweep": {"task": "portal.audit.tasks.sweep", "schedule": 10.0},
    "audit-verify": {"task": "portal.audit.tasks.verify", "schedule": crontab(hour=3, minute=10)},
    "audit-verify-whole": {
        "task": "portal.audit.tasks.verify",
        "schedule": crontab(day_of_week="sunday", hour=4, minute=10),
        "kwargs": {"whole": True},
    },
    "audit-retain": {"task": "portal.audit.tasks.retain", "schedule": crontab(hour=5, minute=10)},
    "tenants-purge": {"task": "portal.tenants.tasks.purge_trash", "schedule": crontab(hour=3, minute=15)},
    "accounts-viewings": {"task": "portal.accounts.tasks.sweep_viewings", "schedule": 60.0},
    "alerts-sweep": {"task": "portal.alerts.tasks.sweep", "schedule": 15.0},
    "alerts-sweep-slow": {"task": "portal.alerts.tasks.sweep_slow", "schedule": 300.0},
    "alerts-retain": {"task": "portal.alerts.tasks.retain", "schedule": crontab(hour=5, minute=40)},
    "sso-sweep": {"task": "portal.sso.tasks.sweep_launches", "schedule": 10.0},
}

STUCK_JOB_HOURS = env_int("STUCK_JOB_HOURS", 6)
SET_ASIDE_DAYS = env_int("SET_ASIDE_DAYS", 30)

# People

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview:home"
ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "portal.accounts.models.user_display"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Perihelion: "
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_RATE_LIMITS = {
    "login": f"{env_int('SIGN_INS_PER_MINUTE', 30)}/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
}
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600  # seconds
# A session ends when nobody used it for so long, and at last so long after its sign-in.
SESSION_IDLE_SECONDS = env_int("SESSION_IDLE_MINUTES", 8 * 60) * 60
SESSION_LIMIT_SECONDS = env_int("SESSION_LIMIT_MINUTES", 12 * 60) * 60
SESSION_COOKIE_AGE = SESSION_LIMIT_SECONDS
MFA_ADAPTER = "portal.accounts.factors.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # periods of 30 s before and after, for clocks that are off
MFA_FORMS = {
    "authenticate": "portal.accounts.factor_forms.CodeForm",
    "reauthenticate": "portal.accounts.factor_forms.CodeAgainForm",
    "activate_totp": "portal.accounts.factor_forms.SetUpAppForm",
    "add_webauthn": "portal.accounts.factor_forms.AddKeyForm",
    "edit_webauthn": "portal.accounts.factor_forms.RenameKeyForm",
    "authenticate_webauthn": "portal.accounts.factor_forms.KeyForm",
    "login_webauthn": "portal.accounts.factor_forms.KeyAloneForm",
    "reauthenticate_webauthn": "portal.accounts.factor_forms.KeyAgainForm",
}
# Sign-in of staff through one OpenID Connect provider, where OIDC_ISSUER is set.
OIDC_SECOND_FACTOR = env_flag("OIDC_SECOND_FACTOR", False)
SOCIALACCOUNT_ADAPTER = "portal.accounts.oidc.SocialAccountAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # a form would be held back by the policy's form-action
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if os.environ.get("OIDC_ISSUER"):
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        # A session at the provider counts as a proof only for as long as one given here.
        "AUTH_PARAMS": {"max_age": str(ACCOUNT_REAUTHENTICATION_TIMEOUT)},
        "APPS": [
            {
                "provider_id": "staff",
                "name": os.environ.get("OIDC_NAME", "your company"),
                "client_id": os.environ.get("OIDC_CLIENT_ID", ""),
                "secret": env_secret("OIDC_CLIENT_SECRET"),
                "settings": {"server_url": os.environ["OIDC_ISSUER"].rstrip("/")},
            }
        ],
    }
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would ask everybody to sign in again who follows a link in a mail
CSRF_COOKIE_HTTPONLY = True  # pages carry the token themselves
CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # in no cookie of its own
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if ENV == "test"
    else ["django.contrib.auth.hashers.ScryptPasswordHasher"]
)
# Mail holds links that let somebody in: in production it is never printed, and sent once configured.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = env_int("EMAIL_PORT", 587)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env_secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_SSL = env_flag("EMAIL_USE_SSL", EMAIL_PORT == 465)
EMAIL_USE_TLS = env_flag("EMAIL_USE_TLS", not EMAIL_USE_SSL)
EMAIL_TIMEOUT = 10  # seconds
_MAIL_BY = "smtp" if EMAIL_HOST else "dummy" if PRODUCTION else "console"
EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND", f"django.core.mail.backends.{_MAIL_BY}.EmailBackend")
# Where people reach the portal, for links in mail that no page asked for: https://portal.example.com
PORTAL_URL = os.environ.get("PORTAL_URL", "").rstrip("/")
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "perihelion@localhost")

# Who asks for /metrics sends this as a bearer token; without it the page does not exist.
METRICS_TOKEN = env_secret("METRICS_TOKEN")

# The read API: how often a minute it may be asked

API_REQUESTS_A_MINUTE = env_int("API_REQUESTS_A_MINUTE", 600)  # by one token
API_REQUESTS_A_MINUTE_BY_ADDRESS = env_int("API_REQUESTS_A_MINUTE_BY_ADDRESS", 1200)
API_REFUSALS_A_MINUTE = 30  # tokens that let nobody in, by one address

# Words, time, files

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", DATA_DIR / "static")) if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if PRODUCTION
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = not PRODUCTION  # a file may change meanwhile, and each test client would list all
LOGGING = logging_config(json=PRODUCTION, level=os.environ.get("LOG_LEVEL", "INFO"))
SILENCED_SYSTEM_CHECKS: list[str] = []
