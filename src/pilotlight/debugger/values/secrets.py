"""What must not be shown: secrets told by the name of what holds them, and by their own form.

Pure. Takes linear time on any text. Must never remove more than the secret, and never tell its length.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

MARK = "••••••"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SECRET_WORDS = _words(
    "password passwords passwd passphrase passphrases passcode pwd pswd pw pass passwort kennwort secret "
    "secrets token tokens apikey apikeys credential credentials creds cred authorization cookie cookies "
    "dsn csrf xsrf jwt jwts bearer otp totp cvv cvc ssn signature sessionid sessionkey sessid phpsessid "
    "jsessionid privatekey secretkey accesskey authkey encryptionkey signingkey sshkey masterkey"
)
_ONLY_AT_THE_END = frozenset({"auth", "pass", "pw", "bearer", "creds", "cred"})
"""Of these the name must be the last word: `basic_auth`, `db_pass`, but not `auth_user` or `pass_count`."""
_KEY_OWNERS = _words(
    "api secret private access encryption signing auth ssh session master service fernet jwt hmac crypto "
    "crypt cipher account shared subscription storage license client app admin deploy webhook"
)
_KEYS = frozenset({"key", "keys"})
_HOLDERS = frozenset({"header", "headers", "value", "string", "data", "code", "hash"})
"""What holds a secret after `auth`."""
_SESSION_WORDS = frozenset({"session", "sess"})
_ENDS = ("token", "tokens", "secret", "secrets", "apikey", "sessionid", "pwd")
"""Words that are written without a separator: `csrfmiddlewaretoken`, `clientsecret`."""
_WITHIN = ("password", "passwd", "passphrase", "credential")
_SPEAKS_OF_ONE = _words(
    "name names type types count counts length len size age expires expiry expiration expired lifetime "
    "timeout ttl limit limits field fields path domain secure httponly samesite class cls model models "
    "backend backends validator validators hasher hashers algorithm algorithms algo method scheme "
    "required enabled disabled error errors exception invalid missing form view views serializer manager "
    "provider service services factory handler middleware generator getter setter policy usage index "
    "position offset kind budget strength help label placeholder prefix suffix regex pattern at"
)
"""What ends in one of these tells something about a secret, but is none: `token_count`, `cookie_name`."""
_ASKS_FOR_ONE = _words(
    "has is use uses needs require requires enable allow show check max min num n total count"
)
"""What begins with one of these is a yes or a number: `has_password`, `max_tokens`."""

_WORD = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+"
MAX_NAME_CHARACTERS = 300


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Not before the first use: the patterns would cost the start of the server some milliseconds."""
    return re.compile(pattern)


def is_secret_name(name: str) -> bool:
    """Whether what has this name is likely to be a secret: by its words, in any style of writing them.

    Args:
        name: of a variable, key, header, field, option; of a dotted name only the last part counts.
    """
    return _is_secret_name(name[-MAX_NAME_CHARACTERS:])


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    name = name.rpartition(".")[2] or name
    words = [word.lower() for word in _compiled(_WORD).findall(name.replace("OAuth", "Oauth"))]
    if not words or words[-1] in _SPEAKS_OF_ONE or words[0] in _ASKS_FOR_ONE:
        return False
    return words[-1] in _ONLY_AT_THE_END or any(
        _is_secret_word(word, words[index + 1] if index + 1 < len(words) else "")
        for index, word in enumerate(words)
    )


def _is_secret_word(word: str, following: str) -> bool:
    if following in _KEYS and word in _KEY_OWNERS:
        return True
    if following == "id" and word in _SESSION_WORDS:
        return True
    if word == "auth" and following in _HOLDERS:
        return True
    if word in _ONLY_AT_THE_END:
        return False
    return word in _SECRET_WORDS or word.endswith(_ENDS) or any(part in word for part in _WITHIN)


def is_secret_cookie(name: str) -> bool:
    """Whether the value of this cookie lets somebody in: a session, a token."""
    return is_secret_name(name) or any(
        word.lower() in ("session", "sess", "sid", "remember") for word in _compiled(_WORD).findall(name)
    )


_KEY_FORMS = (
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"  # Slack
    r"|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[\w+/=]{16,}"  # Stripe
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"  # Google
    r"|sk-(?:(?:ant|proj|svcacct|admin|or)-[\w-]{16,}|[A-Za-z0-9]{20,})"  # OpenAI, Anthropic, OpenRouter
    r"|gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|oas)-[\w-]{15,}"  # GitLab
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{20,}|dckr_pat_[\w-]{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|SK[0-9a-f]{32}(?![A-Za-z0-9])"  # SendGrid, Twilio
    r"|hf_[A-Za-z0-9]{20,}|gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|do[opr]_v1_[0-9a-f]{40,}"
    r"|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{20,}"  # Shopify
)
_JWT = r"eyJ[\w-]{6,}(?:\.[\w-]+){1,4}\.?|\.eJ[\w-]{10,}(?:\.[\w-]+){2}"  # RFC 7519; itsdangerous, compressed
_TOKEN = rf"(?<![\w-])(?:{_KEY_FORMS}|{_JWT})"
_TOKEN_HINT = (
    r"eyJ|\.eJ|AKIA|ASIA|gh[pousr]_|github_pat_|xox|xapp-|sk_|rk_|whsec_|AIza|ya29\.|GOCSPX|sk-|gl\w{2,5}-"
    r"|npm_|pypi-|dckr_|SG\.|SK[0-9a-f]{8}|hf_|gsk_|xai-|do[opr]_v1|shp\w\w_"
)
_USER_INFO = r"(://)(?:([^\s/?#:@'\"<>]*:)([^\s/?#'\"<>]+)|([\w.~%-]{20,}))@"  # RFC 3986 3.2.1
_WEBHOOK = r"((?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks)/)[\w/-]{10,}"
_PEM = (
    r"(?s)(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----).*?"
    r"(-----END [A-Z0-9 ]{0,50}-----|\Z)"
)
_AUTHENTICATION = (  # RFC 7235
    r"(?<![\w-])(?i:(bearer[ \t]{1,5}|basic[ \t]{1,5}))(?=[\w.~+/=-]{0,400}[\d=])([\w.~+/=-]{12,})"
)

_STEMS = tuple(
    _words(
        "pass pw pswd secret token key auth cookie dsn cred"
        " srf jwt bearer basic otp cvv cvc ssn sig sess kennwort"
    )
)
_NAMED = (
    r"""(?:(?<![\w.-])|(?<=%5[bB]))(?P<name>[^\W\d][\w.-]*)"""
    r"""(?P<sign>(?:\\?["']?\]?|%5[dD])[ \t]{0,4}(?:=>|={1,2}|:)[ \t]{0,4})"""
)
_VALUE = (
    r"""[bBuUrRfF]{0,2}'(?:[^'\\\n]|\\.)*'?|[bBuUrRfF]{0,2}"(?:[^"\\\n]|\\.)*"?"""
    r"""|\\"[^"\n]*"|\[[^\]\n]*\]?|\([^)\n]*\)?|\{[^}\n]*\}?"""
    r"""|(?:[Bb]earer|[Bb]asic|[Tt]oken)[ \t]+[^\s"'<>]+"""
    r"""|[^\s&;"'<>\[({][^\s&;"'<>]*"""
)
_PART = (  # RFC 7578, also as `repr` writes it
    r"""(?s:(?P<start>\bname="(?P<name>[^"\\]{1,80})"(?:\r?\n|\\r\\n){2})"""
    r"""(?P<value>.*?)(?=(?:\r?\n|\\r\\n)--|\Z))"""
)
_HEADER = (
    r"(?im:^([ \t>]*(?:proxy-)?(?:authorization|(?:set-)?cookie):[ \t]*"
    r"(?:(?:basic|bearer|digest|token)[ \t]+)?)"
    r"([^\r\n]+))"
)
_PAIR = (
    r"""(?P<start>[(\[]b?(?P<quote>["'])(?P<name>[\w-]{1,80})(?P=quote), )"""
    r"""(?P<value>b?'(?:[^'\\]|\\.)*'?|b?"(?:[^"\\]|\\.)*"?)"""
)
_VALIDATION = (
    r"(?m:^(?P<name>[\w.]+)\n[ \t]+(?P<said>[^\n]*?input_value=)(?P<value>[^\n]*?)(?P<rest>, input_type=|$))"
)
_OPTION = r"(?P<start>--(?P<name>[A-Za-z][\w-]*)(?:[ =]|', '))(?P<value>[^\s'\"]+)"
_NO_SECRET = frozenset({"none", "true", "false", "null", "''", '""', "b''", 'b""', "[]", "()", "{}", MARK})


def mask_text(text: str) -> str:
    """The text with everything in it that looks like a secret replaced by `MARK`.

    By form (passwords in URLs, JWT, private keys in PEM, keys with well-known prefixes), and where a secret
    name stands before it: `name=value`, `"name": value`, `('name', 'value')`, `--name value`, header lines.
    """
    if "://" in text:
        text = _compiled(_USER_INFO).sub(_mask_user_info, text)
        if "ooks" in text:
            text = _compiled(_WEBHOOK).sub(rf"\g<1>{MARK}", text)
    if "-----BEGIN" in text:
        text = _compiled(_PEM).sub(rf"\g<1>{MARK}\g<2>", text)
    if len(text) >= 12 and _compiled(_TOKEN_HINT).search(text):
        text = _compiled(_TOKEN).sub(MARK, text)
    has_sign = "=" in text or ":" in text
    if not (has_sign or "('" in text or '("' in text or "--" in text or "['" in text or " " in text):
        return text
    folded = text.lower()
    if not any(stem in folded for stem in _STEMS):
        return text
    if has_sign:
        text = _compiled(_HEADER).sub(rf"\g<1>{MARK}", text)
        text = _mask_assignments(text)
        if 'name="' in text:
            text = _compiled(_PART).sub(_mask_part, text)
        if "input_value=" in text:
            text = _compiled(_VALIDATION).sub(_mask_validation, text)
    if ", " in text:
        text = _compiled(_PAIR).sub(_mask_pair, text)
    if "--" in text:
        text = _compiled(_OPTION).sub(_mask_pair, text)
    if "bearer" not in folded and "basic" not in folded:
        return text
    return _compiled(_AUTHENTICATION).sub(rf"\g<1>{MARK}", text)


def _mask_user_info(found: re.Match[str]) -> str:
    if found.group(4) is not None:
        return f"{found.group(1)}{MARK}@"
    return f"{found.group(1)}{found.group(2)}{MARK}@"


def _mask_assignments(text: str) -> str:
    """What stands behind another name is not passed over: it may hold a secret of its own, as a URL does."""
    pieces, done, at = [], 0, 0
    while (found := _compiled(_NAMED).search(text, at)) is not None:
        at = found.end()
        name, sign = found.group("name", "sign")
        if not is_secret_name(name) and not (name.lower() == "sig" and sign == "="):
            continue
        value = _compiled(_VALUE).match(text, at)
        if value is not None and value.group().rstrip(",)]}").lower() not in _NO_SECRET:
            pieces += [text[done:at], _masked(value.group())]
            done = at = value.end()
    return "".join(pieces) + text[done:]


def _mask_part(found: re.Match[str]) -> str:
    start, name, value = found.group("start", "name", "value")
    return f"{start}{MARK}" if value and is_secret_name(name) else found.group()


def _masked(value: str) -> str:
    """The marker in the same quotes, and after the same scheme, with what follows the value still there."""
    first = value.lstrip("bBuUrRfF")
    if first[:1] in ("'", '"') and len(value) - len(first) <= 2:
        quote = first[0]
        end = quote if len(first) > 1 and first.endswith(quote) else ""
        return f"{value[: len(value) - len(first)]}{quote}{MARK}{end}"
    if value.startswith('\\"'):
        return f'\\"{MARK}\\"' if value.endswith('\\"') else f'\\"{MARK}"'
    if value[0] in "[({":
        end = value[-1] if value[-1] in "])}" and len(value) > 1 else ""
        return f"{value[0]}{MARK}{end}"
    scheme, space, _ = value.partition(" ")
    if space and scheme.lower() in ("bearer", "basic", "token"):
        return f"{scheme} {MARK}{value[len(value.rstrip(',)]}')) :]}"
    return f"{MARK}{value[len(value.rstrip(',)]}')) :]}"


def _mask_pair(found: re.Match[str]) -> str:
    start, name, value = found.group("start", "name", "value")
    if not is_secret_name(name) or value.lower() in _NO_SECRET:
        return found.group()
    return f"{start}{_masked(value)}"


def _mask_validation(found: re.Match[str]) -> str:
    name, said, _, rest = found.group("name", "said", "value", "rest")
    if not is_secret_name(name):
        return found.group()
    whole = found.group()
    return f"{whole[: found.start('said') - found.start()]}{said}{MARK}{rest}"
