"""Django settings, read from the environment; everything runs with nothing set (see the README's table)."""

import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import environ

from analytics_project import env

# ---- Where things are ------------------------------------------------------------------------------------------------
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.directory("DATA_DIR", BASE_DIR / "var")


def _secret_key() -> str:
    """Return SECRET_KEY, or one generated once and kept in the data directory, readable by its owner only."""
    if given := env.text("SECRET_KEY"):
        return given
    file = DATA_DIR / "secret_key"
    if not file.exists():
        with NamedTemporaryFile("w", dir=DATA_DIR) as new:  # mode 600
            new.write(secrets.token_urlsafe(48))
            new.flush()
            with suppress(FileExistsError):  # another process starting at the same moment was first
                file.hardlink_to(new.name)
    return file.read_text().strip()


SECRET_KEY = _secret_key()
BASE_URL = env.text("BASE_URL").rstrip("/")
DEBUG = env.flag("DEBUG", default=False)
ALLOWED_HOSTS = list(env.words("ALLOWED_HOSTS", ("*",)))
CSRF_TRUSTED_ORIGINS = list(env.words("CSRF_TRUSTED_ORIGINS"))

# ---- Applications ----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "accounts.apps.AccountsConfig",  # before the admin, some of whose templates it replaces
    "accounts.apps.FootfallAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "analytics_project",
    "stats",
    "goals",
    "revenue",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "analytics_project.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# ---- Relational store ------------------------------------------------------------------------------------------------
DATABASE_URL = env.url(
    "DATABASE_URL", f"sqlite:///{DATA_DIR / 'footfall.sqlite3'}", ("sqlite", "postgres", "postgresql")
)
_database = environ.Env.db_url_config(DATABASE_URL)
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",  # a writer waits for its turn instead of failing in the middle
        # secure_delete: a destroyed visitor salt is overwritten, not left in a free page
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
        ),
    }
else:
    _database["CONN_HEALTH_CHECKS"] = True
_database["CONN_MAX_AGE"] = 600
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---- Event store and intake ------------------------------------------------------------------------------------------
EVENTS_URL = env.text("EVENTS_URL", f"chdb://{DATA_DIR / 'events'}")
EVENTS_CLUSTER = env.text("EVENTS_CLUSTER")
REDIS_URL = env.url("REDIS_URL", "", ("redis", "rediss", "unix"))
SPOOL_DIR = env.directory("SPOOL_DIR", DATA_DIR / "spool")
SPOOL_MAX_BYTES = env.integer("SPOOL_MAX_MB", 1024, at_least=1) * 1_000_000
SPOOL_SYNC_MS = env.integer("SPOOL_SYNC_MS", 200)
QUERY_MAX_SECONDS = env.integer("QUERY_MAX_SECONDS", 30, at_least=1)
QUERY_MAX_BYTES = env.integer("QUERY_MAX_MEMORY_MB", min(2000, env.memory_mb() // 8), at_least=100) * 1_000_000
REPORTS_AT_ONCE = env.integer("REPORTS_AT_ONCE", 4, at_least=1)
REPORTS_MAX_WAIT_S = env.integer("REPORTS_MAX_WAIT_SECONDS", 15)
GEOIP_CITY_DB = env.path("GEOIP_CITY_DB")
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES")
MAX_GOALS_PER_SITE = env.integer("MAX_GOALS_PER_SITE", 1000, at_least=1)
AI_ASSISTANTS_CHANNEL = env.flag("AI_ASSISTANTS_CHANNEL", default=True)
PAYMENT_HOSTS = frozenset(host.lower() for host in env.words("PAYMENT_HOSTS"))

# ---- Live state ------------------------------------------------------------------------------------------------------
if REDIS_URL:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

# ---- People and passwords --------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_TLS_PROXY", default=False) else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_PROXY_SSL_HEADER is not None
SECURE_CROSS_ORIGIN_OPENER_POLICY = None if DEBUG else "same-origin"
OTP_TOTP_ISSUER = "Footfall"
SUPER_ADMIN_USER_IDS = frozenset(env.words("SUPER_ADMIN_USER_IDS"))

# ---- E-mail ----------------------------------------------------------------------------------------------------------
_MAIL_SCHEMES = ("smtp", "smtps", "smtp+tls", "smtp+ssl", "consolemail", "filemail", "dummymail")
vars().update(environ.Env.email_url_config(env.url("EMAIL_URL", "dummymail://", _MAIL_SCHEMES)))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "Footfall <footfall@localhost>")

# ---- Limits of the APIs ----------------------------------------------------------------------------------------------
# Teams have theirs in the database, by plan. A service for others has those of Plausible's cloud.
SELF_HOSTED = env.flag("SELF_HOSTED", default=True)
API_USER_HOURLY_LIMIT = env.integer("API_USER_HOURLY_LIMIT", 1_000_000 if SELF_HOSTED else 600)
API_BURST_REQUESTS = env.integer("API_BURST_REQUESTS", 0 if SELF_HOSTED else 60)
API_BURST_SECONDS = env.integer("API_BURST_SECONDS", 10, at_least=1)
API_KEY_MINUTE_LIMIT = env.integer("API_KEY_MINUTE_LIMIT", 600)

# ---- REST framework --------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["analytics_project.api.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["analytics_project.api.OrjsonParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # the reference describes endpoints; OPTIONS would do it again, and worse
    "EXCEPTION_HANDLER": "analytics_project.api.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # there is one format; ?format=xml would be answered by Django's own 404 page
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Footfall",
    "DESCRIPTION": (
        "Web analytics over HTTP: events in, numbers out. Keys are sent as `Authorization: Bearer <key>`. Errors are "
        '`{"error": "…"}` unless an operation says otherwise. A trailing slash is tolerated on every path.'
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "TAGS": [
        {"name": name}
        for name in (
            "Events",
            "Statistics, version 2",
            "Statistics, version 1",
            "Goals and revenue",
            "Sites",
            "Operation",
        )
    ],
    "PREPROCESSING_HOOKS": [
        "analytics_project.openapi.without_plugins_api",
        "analytics_project.openapi.without_trailing_slashes",
    ],
    "POSTPROCESSING_HOOKS": ["analytics_project.openapi.with_everything_else"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # No validator: the page would ask a server on the Internet whether the document is right.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None, "defaultModelsExpandDepth": 0},
}

# ---- Language, time, static files ------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # the middleware warns about a missing one
WHITENOISE_USE_FINDERS = True

# ---- Logging and error pages -----------------------------------------------------------------------------------------
DEFAULT_EXCEPTION_REPORTER_FILTER = "analytics_project.error_reports.SecretFreeReports"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["console"],
        "level": env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    },
    # A stranger's wrong Host header is answered 400; it is no error of ours.
    "loggers": {"django.security.DisallowedHost": {"level": "CRITICAL"}},
}
