"""What is kept sealed (original words, handles), and how people are told apart without their names."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Vault:
    """Seals with keys derived from the installation's secret. `earlier` secrets still open what they sealed.

    Pseudonyms are keyed with the first secret ever used (the last of `earlier`), so that a change of secret splits nobody in two.
    """

    def __init__(self, secret: str, *earlier: str) -> None:
        self._fernet = MultiFernet([Fernet(_key("originals", one)) for one in (secret, *earlier)])
        self._pseudonym_key = _key("pseudonyms", (secret, *earlier)[-1])

    def seal(self, words: str) -> bytes:
        return self._fernet.encrypt(words.encode("utf8", "surrogatepass"))

    def open(self, sealed: bytes) -> str | None:
        """None when no secret of ours opens it."""
        try:
            return self._fernet.decrypt(sealed).decode("utf8", "surrogatepass")
        except InvalidToken:
            return None

    def pseudonym(self, channel: str, handle: str) -> str:
        """24 hex digits, the same for the same account always; not to be turned back without the key."""
        return self._keyed(f"{channel}:{handle}")

    def household(self, grid: str, household: str) -> str:
        """A mark of a household in a grid, to count by; "" stays ""."""
        return self._keyed(f"household:{grid}:{household}") if household else ""

    def _keyed(self, words: str) -> str:
        return hmac.new(self._pseudonym_key, words.encode("utf8", "surrogatepass"), hashlib.sha256).hexdigest()[:24]


def _key(purpose: str, secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(f"minhu.{purpose}:{secret}".encode()).digest())
