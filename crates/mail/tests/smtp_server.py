"""A mail server for tests: real SMTP by aiosmtpd, telling what happens as JSON lines on stdout.

It ends when its standard input does, so it never outlives the test that started it.
"""

import argparse
import asyncio
import json
import logging
import ssl
import sys
import warnings
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

# What goes wrong on purpose is told as events.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)
warnings.simplefilter("ignore")


def tell(event, **details):
    print(json.dumps({"event": event, **details}), flush=True)


class Recorder:
    """Answers to letters as the script says, then with ok."""

    def __init__(self, script):
        self.script = iter(script)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            tell("refused", reply=550)
            return f"550 5.1.1 <{address}> no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        step = next(self.script, "ok")
        mail = message_from_bytes(envelope.content, policy=policy.default)
        details = {
            "connection": session.peer[1],
            "message_id": str(mail["message-id"]),
            "tls": session.ssl is not None,
            "user": session.auth_data,
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "header_names": [name.lower() for name in mail.keys()],
            "text": mail.get_content(),
        }
        if step == "silent":
            tell("silent", **details)
            await asyncio.Event().wait()
        if step != "ok":
            tell("refused", reply=int(step), **details)
            return f"{step} {step[0]}.0.0 {envelope.rcpt_tos[0]} cannot be served"
        tell("message", **details)
        return "250 OK"


def authenticator(user, password):
    def check(server, session, envelope, mechanism, data):
        right = isinstance(data, LoginPassword) and data == LoginPassword(
            user.encode(), password.encode()
        )
        tell("login", right=right)
        return AuthResult(success=right, handled=right, auth_data=user)

    return check


async def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--script", default="")
    arguments.add_argument("--login", nargs=2)
    arguments.add_argument("--starttls", nargs=2)
    options = arguments.parse_args()

    settings = {"hostname": "mail.test", "loop": asyncio.get_running_loop()}
    if options.login:
        settings |= {
            "authenticator": authenticator(*options.login),
            "auth_required": True,
            "auth_require_tls": False,
        }
    if options.starttls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.starttls)
        settings |= {"tls_context": context, "require_starttls": True}

    recorder = Recorder(filter(None, options.script.split(",")))
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(recorder, **settings), "127.0.0.1", options.port
    )
    tell("listening", port=server.sockets[0].getsockname()[1])
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
