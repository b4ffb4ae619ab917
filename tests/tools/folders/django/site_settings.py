"""The least that `django-admin migrate` asks for."""

import os
from urllib.parse import urlsplit

parts = urlsplit(os.environ["DATABASE_URL"])
SECRET_KEY = "of a test"
INSTALLED_APPS = ["shop"]
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username,
        "PASSWORD": parts.password,
        "HOST": parts.hostname,
        "PORT": parts.port,
    }
}
