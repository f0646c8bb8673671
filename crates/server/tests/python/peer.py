"""What the tests ask the real frameworks: Django's cookies and passwords, PyJWT, SimpleJWT, a back
end of theirs.

One JSON object per line comes in, {"call": a function's name, "with": its arguments}, and one goes
out: {"ok": what it returned} or {"raised": the exception's class, "says": its words}. The variable
SECRET_KEY is Django's.
"""

import importlib.metadata
import json
import re
import sys
import threading
import time
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import back_end

back_end.set_up()

import jwt
from django.contrib.auth import get_user_model, hashers
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from rest_framework_simplejwt import tokens as simplejwt
from rest_framework_simplejwt.authentication import JWTAuthentication

SECRET = back_end.SECRET


def versions():
    names = ["Django", "djangorestframework", "djangorestframework-simplejwt", "PyJWT"]
    return {name: importlib.metadata.version(name) for name in names}


# ------------------------------------------------------------------------------------ cookies


def set_cookie(name, value, key=SECRET):
    """`name=value` as Django's answer to a login writes it."""
    response = HttpResponse()
    with override_settings(SECRET_KEY=key):
        response.set_signed_cookie(name, value, httponly=True)
    return response.cookies[name].OutputString().split(";")[0]


def get_cookie(header, name, fallback=True):
    """The value Django finds in a `Cookie` header; none where the signature is wrong. Without
    `fallback`, a Django that signs in the newer way does not read the older.
    """
    request = RequestFactory().get("/", HTTP_COOKIE=header)
    with override_settings(SIGNED_COOKIE_LEGACY_SALT_FALLBACK=fallback):
        return request.get_signed_cookie(name, default=None)


# ---------------------------------------------------------------------------------- passwords


def hash_password(password, hasher, cheaply=False):
    """What Django stores, made at its own cost or hardly any."""
    hasher = getattr(hashers, hasher + "PasswordHasher")()
    if cheaply:
        hasher.iterations, hasher.rounds, hasher.work_factor, hasher.memory_cost = 1000, 4, 1024, 256
    return hasher.encode(password, hasher.salt())


def password_matches(password, stored):
    """Whether Django lets such a password in."""
    name = stored.split("$")[0]
    every = hashers.BasePasswordHasher.__subclasses__()
    every += [below for hasher in every for below in hasher.__subclasses__()]
    return next(hasher for hasher in every if hasher.algorithm == name)().verify(password, stored)


# ------------------------------------------------------------------------------------- tokens


def pyjwt(token):
    """Claims in their order, as PyJWT reads them with the team's secret."""
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    return {"header": jwt.get_unverified_header(token), "claims": in_order(claims)}


def simplejwt_reads(kind, token):
    return in_order(getattr(simplejwt, kind)(token).payload)


def simplejwt_authenticates(token):
    """Whom SimpleJWT's guard takes the bearer for."""
    authentication = JWTAuthentication()
    return authentication.get_user(authentication.get_validated_token(token.encode())).pk


def simplejwt_mints(kind, user_id, lifetime):
    """A token as SimpleJWT gives a user at login, good for some seconds."""
    token = getattr(simplejwt, kind).for_user(get_user_model()(pk=user_id))
    token.set_exp(lifetime=timedelta(seconds=lifetime))
    return str(token)


def mint(claims, key=SECRET, algorithm="HS256"):
    """A token of those claims, signed by PyJWT. A number in `exp` counts from now."""
    now = int(time.time())
    times = {"exp": now + claims["exp"]} if "exp" in claims else {}
    return jwt.encode({**claims, **times, "iat": now}, key, algorithm=algorithm)


def shape(token):
    """What a token of SimpleJWT's five claims looks like, but for what is drawn or read off a clock:
    times are told from now. SimpleJWT's access token from a refresh has the `iat` of the login.
    """
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    seen = {
        "exp": "now" + next((f"+{s}" for s in (300, 86_400) if near(claims["exp"] - s)), "?"),
        "iat": "now" if near(claims["iat"]) else "?",
        "jti": "hex" if re.fullmatch("[0-9a-f]{32}", claims["jti"]) else "?",
    }
    five = list(claims.items())[:5]
    return " ".join(f"{name}={seen.get(name, value)}" for name, value in five)


def near(unix_seconds):
    return abs(unix_seconds - time.time()) < 60


def with_key_set(token, url, audience, issuer):
    """A token as a resource server reads it that knows but the address of the key set."""
    key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=audience, issuer=issuer)
    return {"header": jwt.get_unverified_header(token), "claims": in_order(claims)}


def in_order(claims):
    return [[name, type(value).__name__, value] for name, value in claims.items()]


# ----------------------------------------------------------------------------------- back end


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def serve(users):
    """Starts the back end on a port of its own, with these users."""
    back_end.migrate(users)
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def suspend(phone):
    get_user_model().objects.filter(username=phone).update(is_active=False)


def main():
    calls = [versions, set_cookie, get_cookie, pyjwt, simplejwt_reads, simplejwt_authenticates]
    calls += [simplejwt_mints, mint, shape, with_key_set, serve, suspend]
    calls += [hash_password, password_matches]
    by_name = {call.__name__: call for call in calls}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"ok": by_name[asked["call"]](**asked["with"])}
        except Exception as error:
            answer = {"raised": type(error).__name__, "says": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
