"""A back end whose place is taken: Django's own users, SimpleJWT's blacklist, in the SQLite file that
is the first argument.

One JSON object per line comes in, {"call": a function's name, "with": its arguments}, and one goes
out: {"ok": what it returned}. Passwords are hashed at hardly any cost.
"""

import json
import os
import sys

import django
from django.conf import settings
from django.contrib.auth import hashers


class Cheap(hashers.PBKDF2PasswordHasher):
    iterations = 1000


settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    PASSWORD_HASHERS=["__main__.Cheap"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework_simplejwt",
        "rest_framework_simplejwt.token_blacklist",
    ],
)
django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from rest_framework_simplejwt.tokens import RefreshToken


def create(id, username, password, email="", active=True, staff=False):
    """A user of that id, as Django makes one; no password where it is null."""
    user = get_user_model().objects.create_user(username, email, password, id=id)
    user.is_active, user.is_staff = active, staff
    user.save()


def change(id, password=None, **fields):
    users = get_user_model().objects
    users.filter(id=id).update(**fields)
    if password is not None:
        user = users.get(id=id)
        user.set_password(password)
        user.save()


def refresh_token(id, dead):
    """A refresh token of that user, on the blacklist or not."""
    token = RefreshToken.for_user(get_user_model().objects.get(id=id))
    if dead:
        token.blacklist()
    return str(token)


def main():
    call_command("migrate", verbosity=0)
    by_name = {call.__name__: call for call in [create, change, refresh_token]}
    for line in sys.stdin:
        asked = json.loads(line)
        answer = {"ok": by_name[asked["call"]](**asked["with"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
