"""What Schemathesis is told about one contract: real people, and what every answer must be.

It is told in the file that DAEMUN_TESTED names (see `it/schemathesis.rs`):

    log      where the server logs, at debug level: a line for each request names its outcome
    staying  whom requests are from and about; `leaving` those that end sessions:
        shown   headers and cookies that show that somebody is signed in; null where there are none
        fields  values that are right, by the name of the field, parameter or cookie
"""

import json
import os
import re
import threading
import zlib
from collections.abc import MutableMapping

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, ServerError
from schemathesis.openapi.checks import IgnoredAuth, MissingHeaderNotRejected

with open(os.environ["DAEMUN_TESTED"], encoding="utf-8") as file:
    TESTED = json.load(file)

# A request that fits the document is never answered with these: they are the answers to what is
# missing, blank, of the wrong type or too large.
UNFIT = {"bad_request", "missing_field", "blank_field", "unsupported_media_type", "too_large"}

# Operations that end the session that asks, or others.
ENDING = re.compile("log_out|end_session|revoke")

def person(operation):
    ends = ENDING.match(operation.definition.raw["operationId"])
    return TESTED["leaving" if ends else "staying"]


def right_values(values, fields, share=2):
    """Puts what is right where it is known, in one of `share` cases; always in the same ones."""
    chance = zlib.crc32(repr(values).encode("utf-8", "surrogatepass"))
    if isinstance(values, MutableMapping) and chance % share == 0:
        for name, value in values.items():
            known = fields.get(name)
            if known and isinstance(value, str):
                values[name] = known[chance // share % len(known)]
            else:
                right_values(value, fields, share=1)


@schemathesis.hook
def map_case(context, case):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        fields = person(case.operation)["fields"]
        right_values(case.body, fields)
        right_values(case.headers, fields)
        # One that we did not sign is as good as none.
        right_values(case.cookies, fields, share=1)
    return case


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    def get(self, case, context):
        return person(case.operation)["shown"]

    def set(self, case, shown, context):
        case.headers = {**(case.headers or {}), **shown["headers"]}
        case.cookies = {**(case.cookies or {}), **shown["cookies"]}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops what Schemathesis cannot be told otherwise."""
    if response.status_code >= 600:
        # No registry knows these; to some contracts they are a way to refuse, not a fault.
        by_status = (ServerError, AcceptedNegativeData, MissingHeaderNotRejected)
        return not isinstance(failure, by_status)
    if {"service": []} in case.operation.definition.raw.get("security", []):
        # In development this machine needs no service's key.
        keyless = "authorization" not in map(str.lower, response.request.headers)
        unasked = (AcceptedNegativeData, MissingHeaderNotRejected, IgnoredAuth)
        return not (keyless and isinstance(failure, unasked))
    return True


class Log:
    """The outcomes of requests, as they are logged."""

    def __init__(self, path):
        self.file = open(path, encoding="utf-8", errors="replace")
        self.outcomes = {}
        self.rest = ""
        self.lock = threading.Lock()

    def outcome(self, request):
        with self.lock:
            *lines, self.rest = (self.rest + self.file.read()).split("\n")
            for line in lines:
                if '"message":"request"' in line:
                    entry = json.loads(line)
                    self.outcomes[entry["request"]] = entry["outcome"]
            return self.outcomes.get(request)


LOG = Log(TESTED["log"])


def declared(case, status):
    """The outcomes that the document says are answered with this status."""
    responses = case.operation.definition.raw["responses"]
    response = responses.get(str(status)) or responses.get("default") or {}
    if "$ref" in response:
        name = response["$ref"].rsplit("/", 1)[1]
        response = case.operation.schema.raw_schema["components"]["responses"][name]
    for part in response.get("description", "").split("; "):
        of, _, names = part.partition(": ")
        if of == str(status):
            return names.split(", ")
    return []


def is_declared(outcome, names):
    """`missing_field` is declared as such, for one input (`missing_field_password`) or by the guard."""
    return any(
        name == outcome or name.startswith(f"{outcome}_") or name == f"guard_{outcome}"
        for name in names
    )


@schemathesis.check
def the_outcome_is_declared(ctx, response, case):
    """The document says that what happened is answered with this status."""
    outcome = LOG.outcome(response.headers["x-request-id"][0])
    # Neither what a path answers to other methods nor a preflight is the operation's.
    if outcome in (None, "method_not_allowed"):
        return
    names = declared(case, response.status_code)
    assert is_declared(outcome, names), f"{outcome} is answered {response.status_code}: {names}"


@schemathesis.check
def what_fits_is_looked_at(ctx, response, case):
    """A request that fits the document gets as far as its operation."""
    if case.meta is None or not case.meta.generation.mode.is_positive or cannot_be_said(case):
        return
    outcome = LOG.outcome(response.headers["x-request-id"][0])
    assert outcome not in UNFIT, f"it fits the document, and is answered {outcome}"


def cannot_be_said(case):
    """What no document tells: that a cookie which we did not sign is as good as none; that of two
    tokens a route needs either; that no multipart field has a control character in its name."""
    if case.cookies and set(case.cookies) & set(TESTED["staying"]["fields"]):
        return True
    operation = case.operation.definition.raw
    needed = [parameter for parameter in operation.get("parameters", []) if parameter["required"]]
    if operation["operationId"].startswith("refresh") and not (needed or "requestBody" in operation):
        return True
    names = case.body if isinstance(case.body, dict) else ()
    multipart = case.media_type == "multipart/form-data"
    return multipart and any(re.search(r"[\x00-\x1f\x7f]", name) for name in names)


@schemathesis.check
def what_does_not_fit_is_not_done(ctx, response, case):
    """A JSON body that does not fit the document does nothing, whatever the status says."""
    if case.meta is None or not case.meta.generation.mode.is_negative:
        return
    if case.media_type != "application/json" or not negated_body(case):
        return
    outcome = LOG.outcome(response.headers["x-request-id"][0])
    assert outcome != "ok", "it does not fit the document, and is done"


def negated_body(case):
    return any(
        location.name == "BODY" and component.mode.is_negative
        for location, component in case.meta.components.items()
    )
