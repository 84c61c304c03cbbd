"""Who holds the port, and what can be done: judgement and wording as functions on plain data.

Must never look at the machine; everything it knows is in `port_facts`. Whatever a process chose itself (its
name, its command line) is made harmless before it is shown.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import time
from collections.abc import Sequence
from pathlib import PurePath

from pilotlight.console import sanitize

from .port_facts import Conflict, Holder

_COMMAND_CHARACTERS = 120
_MASK = "***"
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|pwd$|secret|token|credential|auth(orization)?$|(api|access|private|secret)[-_]?key",
    re.IGNORECASE,
)
_URL_WITH_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
_WILDCARDS = ("0.0.0.0", "::")
_AIRPLAY_PORTS = (5000, 7000)


def concerns(wanted: str, held: str) -> bool:
    """Whether a listener on `held` keeps `wanted` from being bound, or from meaning us.

    A wildcard concerns all addresses; `::` may take IPv4 too, which cannot be seen from outside.
    """
    one, other = _plain(wanted), _plain(held)
    if one == other or "::" in (one, other):
        return True
    for wildcard, address in ((one, other), (other, one)):
        if wildcard == "0.0.0.0" and ":" not in address:
            return True
    return False


def _plain(address: str) -> str:
    """Without zone, and an IPv4 address that is written as IPv6 in its own form."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def is_worker(command: Sequence[str]) -> bool:
    """Whether a command line is that of one of our workers, which are started by file."""
    return any(_is_our_file(argument, "worker", "__main__.py") for argument in command)


def is_pilotlight(command: Sequence[str]) -> bool:
    """Whether a command line is one of ours; a file or directory of that name does not count."""
    if len(_as_typed(command)) != len(command):
        return True
    for position, argument in enumerate(command[:4]):
        if PurePath(argument.replace("\\", "/")).name.lower() in ("pilotlight", "pilotlight.exe"):
            return position < 2 or command[position - 1] != "-m"
        following = command[position + 1] if position + 1 < len(command) else ""
        if re.fullmatch(r"-[a-zA-Z]*m", argument):
            return following.partition(".")[0] == "pilotlight"
        if re.fullmatch(r"-[a-zA-Z]*c", argument):
            return re.search(r"\b(from|import) pilotlight\b", following) is not None
    return False


def _as_typed(command: Sequence[str]) -> Sequence[str]:
    """The command line of a script, which reads otherwise since its process has become the supervisor:
    without our file and the descriptor after it."""
    for position, argument in enumerate(command):
        if _is_our_file(argument, "launch", "resume.py"):
            return [*command[:position], *command[position + 2 :]]
    return command


def _is_our_file(argument: str, *names: str) -> bool:
    return PurePath(argument.replace("\\", "/")).parts[-3:] == ("pilotlight", *names)


def is_airplay(conflict: Conflict, holder: Holder) -> bool:
    """Whether this is the AirPlay receiver of macOS, which restarts when it is stopped."""
    return (
        conflict.platform == "darwin"
        and conflict.port in _AIRPLAY_PORTS
        and holder.name is not None
        and holder.name.startswith("ControlCe")  # some tools cut names to nine characters
    )


def stoppable(conflict: Conflict) -> Holder | None:
    """The process that may be offered to be stopped: the only one, this user's, and none that carries us."""
    if len(conflict.holders) != 1:
        return None
    (holder,) = conflict.holders
    if holder.pid is None or not holder.is_mine or holder.is_ancestor or is_airplay(conflict, holder):
        return None
    return holder


def explanation(conflict: Conflict) -> str:
    """The whole text for a port that is taken: who has it, and the ways out."""
    blocks = [_about(conflict, holder) for holder in conflict.holders] or [_about_nobody(conflict)]
    return "\n".join([*blocks, _ways_out(conflict)])


def _about(conflict: Conflict, holder: Holder) -> str:
    """One holder: a sentence, then what is known of it."""
    where = _where(conflict, holder)
    if holder.pid is None:
        owner = f"another user ({sanitize(holder.user)})" if holder.user else "another user"
        return (
            f"Port {conflict.port} is already in use: a process of {owner}, which may not be seen from here, "
            f"listens on {where}.\nTo see which: {_look(conflict)}"
        )
    name = sanitize(holder.name or "a process")
    if is_airplay(conflict, holder):
        return (
            f"Port {conflict.port} is already in use: the AirPlay Receiver of macOS ({name}, "
            f"pid {holder.pid}) listens on {where}.\n"
            "To turn it off: System Settings, General, AirDrop & Handoff, AirPlay Receiver."
        )
    who = (
        f"{_earlier(conflict, holder)} (pid {holder.pid})"
        if holder.is_pilotlight
        else f"{name} (pid {holder.pid})"
    )
    rows = {
        "command": shown_command(_as_typed(holder.command)),
        "directory": sanitize(holder.directory or ""),
        "user": sanitize(holder.user or ""),
        "since": _since(holder.since, conflict.now),
    }
    lines = [f"Port {conflict.port} is already in use: {who} listens on {where}."]
    lines += [f"  {label:<10} {value}" for label, value in rows.items() if value]
    return "\n".join(lines)


def _about_nobody(conflict: Conflict) -> str:
    if conflict.used_by_client:
        return (
            f"Port {conflict.port} is already in use on {conflict.host}: not by a server, but by an outgoing "
            "connection that happens to have it as its own end; it is free again when that ends."
        )
    return (
        f"Port {conflict.port} is already in use on {conflict.host}, by a process that may not be seen from "
        f"here (of another user, or in another container).\nTo see which: {_look(conflict)}"
    )


def _earlier(conflict: Conflict, holder: Holder) -> str:
    if holder.directory is None:
        return "an earlier Pilotlight"
    whose = "this" if holder.directory == conflict.directory else "another"
    return f"an earlier Pilotlight of {whose} directory"


def _where(conflict: Conflict, holder: Holder) -> str:
    """The address, and why it matters when it is not the one that was asked for."""
    held = _plain(holder.address)
    if held in _WILDCARDS:
        return f"every address ({held})"
    if held == "::1" and "127.0.0.1" in conflict.wanted:
        return "::1, the IPv6 side of `localhost`"
    if held == "127.0.0.1" and "::1" in conflict.wanted and conflict.host == "::1":
        return "127.0.0.1, the IPv4 side of `localhost`"
    return sanitize(held)


def _look(conflict: Conflict) -> str:
    """The command that shows the holder to an administrator."""
    if conflict.platform == "linux":
        return f"`sudo ss -ltnp 'sport = :{conflict.port}'`"
    if conflict.platform == "win32":
        return f'`netstat -ano | findstr ":{conflict.port}"`'
    return f"`sudo lsof -nP -iTCP:{conflict.port} -sTCP:LISTEN`"


def _ways_out(conflict: Conflict) -> str:
    """Stop it, or another port. Stopping is named only where it is within the user's power and would last."""
    pids = [
        str(holder.pid)
        for holder in conflict.holders
        if holder.pid is not None and holder.is_mine and not is_airplay(conflict, holder)
    ]
    if conflict.platform == "win32":
        stop = f"`taskkill {' '.join('/PID ' + pid for pid in pids)}`"
    else:
        stop = f"`kill {' '.join(pids)}`"
    other = _other_port(conflict)
    if not pids:
        return f"Use {other}."
    it = "it" if len(pids) == 1 else "them"
    return f"Stop {it} with {stop}, or use {other}."


def _other_port(conflict: Conflict) -> str:
    free = conflict.free_port
    if conflict.in_code:
        call = "in the call that starts the server"
        return f"another port {call}" if free is None else f"port={free} {call}; it is free"
    return "another port with --port" if free is None else f"--port {free}, which is free"


def shown_command(command: Sequence[str]) -> str:
    """A command line as one line: without control characters, secrets, or more than fits."""
    text = sanitize(shlex.join(_without_secrets(command)).replace(f"'{_MASK}'", _MASK))
    if len(text) > _COMMAND_CHARACTERS:
        return text[: _COMMAND_CHARACTERS - 3] + "..."
    return text


def _without_secrets(command: Sequence[str]) -> list[str]:
    """Masks the value after `--password`, in `--token=...`, in `SECRET=...`, and the password in a URL."""
    shown: list[str] = []
    value_is_secret = False
    for argument in command:
        name, equals, _ = argument.partition("=")
        is_option = argument.startswith("-")
        if value_is_secret and not is_option:
            shown.append(_MASK)
            value_is_secret = False
            continue
        is_secret = _SECRET_NAME.search(name) is not None and (is_option or name.isidentifier())
        if is_secret and equals:
            shown.append(f"{name}={_MASK}")
        else:
            shown.append(_URL_WITH_PASSWORD.sub(rf"\1:{_MASK}@", argument))
        value_is_secret = is_secret and is_option and not equals
    return shown


def _since(start: float | None, now: float) -> str:
    """The moment in local time, and how long ago."""
    if start is None:
        return ""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(start))
    return f"{moment} ({_age(max(0.0, now - start))} ago)"


def _age(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    count = int(seconds)
    return f"{count} second{'' if count == 1 else 's'}"
