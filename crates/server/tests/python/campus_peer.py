"""What the tests ask the campus back end, one JSON object a line, as in `peer.py`."""

import importlib.metadata
import json
import os
import re
import sys
import threading
import time
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

SECRET = os.environ["SECRET_KEY"]

settings.configure(
    SECRET_KEY=SECRET,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="campus.urls",
    LANGUAGE_CODE="ko-kr",
    USE_TZ=True,
    TIME_ZONE="UTC",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    AUTH_USER_MODEL="campus.MyUser",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "file:campus?mode=memory&cache=shared",
        }
    },
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework_simplejwt",
        "campus",
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "rest_framework_simplejwt.authentication.JWTAuthentication"
        ],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    SIMPLE_JWT={
        "AUTH_HEADER_TYPES": ("Bearer", "JWT"),
        "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
        "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    },
)
django.setup()

import jwt
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application


def versions():
    names = ["Django", "djangorestframework", "djangorestframework-simplejwt", "PyJWT"]
    return {name: importlib.metadata.version(name) for name in names}


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def serve(schools):
    """Starts the back end on a port of its own, with so many schools."""
    from campus.models import School

    call_command("migrate", run_syncdb=True, verbosity=0)
    for number in range(schools):
        School.objects.create(name=str(number))
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def suspend(email):
    from campus.models import MyUser

    MyUser.objects.filter(email=email).update(is_active=False)


def mint(claims, key=SECRET, algorithm="HS256"):
    """A token of those claims, signed by PyJWT. A number in `exp` counts from now."""
    now = int(time.time())
    return jwt.encode({**claims, "exp": now + claims["exp"], "iat": now}, key, algorithm=algorithm)


def shape(token):
    """What a token looks like, but for what is drawn or read off a clock."""
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    spans = (1_800, 604_800)
    seen = {
        "exp": "now" + next((f"+{s}" for s in spans if near(claims["exp"] - s)), "?"),
        "iat": "now" if near(claims["iat"]) else "?",
        "jti": "hex" if re.fullmatch("[0-9a-f]{32}", claims["jti"]) else "?",
    }
    five = list(claims.items())[:5]
    return " ".join(f"{name}={seen.get(name, value)}" for name, value in five)


def near(unix_seconds):
    return abs(unix_seconds - time.time()) < 60


def main():
    by_name = {call.__name__: call for call in [versions, serve, suspend, mint, shape]}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"ok": by_name[asked["call"]](**asked["with"])}
        except Exception as error:
            answer = {"raised": type(error).__name__, "says": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
