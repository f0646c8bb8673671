"""A back end as teams write it: Django REST framework and SimpleJWT, in Korean, people known by phone
number, refresh tokens that rotate and are put on the blacklist. What the frameworks answer is
theirs; of our own there is only the login, which SimpleJWT's would answer otherwise.
"""

import os

import django
from django.conf import settings

SECRET = os.environ["SECRET_KEY"]
# A file; without one, a database in memory, for all threads of this process.
DATABASE = os.environ.get("DATABASE", "")


def set_up():
    settings.configure(
        SECRET_KEY=SECRET,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="urls",
        LANGUAGE_CODE="ko-kr",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": DATABASE or "file:back_end?mode=memory&cache=shared",
            }
        },
        PASSWORD_HASHERS=[
            "django.contrib.auth.hashers.PBKDF2PasswordHasher"
            if DATABASE
            else "django.contrib.auth.hashers.MD5PasswordHasher"
        ],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework",
            "rest_framework_simplejwt",
            "rest_framework_simplejwt.token_blacklist",
        ],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [
                "rest_framework_simplejwt.authentication.JWTAuthentication"
            ],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        SIMPLE_JWT={
            "AUTH_HEADER_TYPES": ("Bearer", "JWT"),
            "ROTATE_REFRESH_TOKENS": True,
            "BLACKLIST_AFTER_ROTATION": True,
        },
    )
    django.setup()


def migrate(users):
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for phone, password in users:
        get_user_model().objects.create_user(username=phone, password=password)
