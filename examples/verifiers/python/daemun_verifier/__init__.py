"""Checks daemun's access tokens where they are used, without asking daemun about each.

`keys` fetches the public keys that sign tokens, `feed` follows the stream of revocations, and `verifier` says of a
token who it is from, or why it is refused. Written from docs/revocation-stream.md; numbers in brackets are those of its
"What a verifier must get right". Everything runs in one event loop, so there are no locks but the one that keeps
fetches apart.
"""

from .refused import Refused
from .revocations import Principal
from .settings import Settings
from .verifier import Verifier

__all__ = ["Principal", "Refused", "Settings", "Verifier"]
