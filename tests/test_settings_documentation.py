"""Keeps `docs/options.md` equal to the table of options. Run as a script, it writes the file."""

from __future__ import annotations

import re
from pathlib import Path

from pilotlight.settings.options import BASIC, MORE, OPTIONS, Option

DOCUMENT = Path(__file__).parent.parent / "docs" / "options.md"

HEAD = """\
# Options

Every option of `pilotlight run` and `flask run`, with all its names. The first source that gives it wins:

1. the command line, or the arguments of `pilotlight.run(app, ...)`;
2. `PILOTLIGHT_*` variables;
3. `FLASK_*` variables;
4. `[tool.pilotlight]` in the nearest `pyproject.toml`, upwards from `--app-dir` or here;
5. the default.

Variables may also stand in `.env` and `.flaskenv`, which are looked for from the current directory upwards,
and in the file of `--env-file`. The real environment wins over them, the file of `--env-file` over `.env`,
and `.env` over `.flaskenv`. `FLASK_SKIP_DOTENV=1` leaves `.env` and `.flaskenv` unread. An empty variable
counts as not set. `1`, `true`, `yes` and `on` turn a switch on; `0`, `false`, `no` and `off` turn it off.

Paths in `pyproject.toml` start from the directory of that file, all others from the current directory. An app
that `pyproject.toml` names is imported from the directory of that file.

`PILOTLIGHT_FLASK=0` is no option: it gives Flask's own server back to the `flask run` command.
"""


def described(option: Option) -> str:
    flags = ", ".join(f"`{part}`" for flag in option.flags for part in flag.split("/"))
    variables = ", ".join(f"`{name}`" for name in (option.variable, *option.flask))
    help_text = option.help.replace("|", "\\|").replace("*", "\\*")
    help_text = re.sub(r"(?<!\w)'([^']+)'(?!\w)", r"`\1`", help_text)
    return (
        f"### {option.name}\n\n{help_text}\n\n- Command line: {flags}\n- Environment: {variables}\n"
        f"- `pyproject.toml`: `{option.name}`\n- Code: `{option.key}=`\n"
    )


def document() -> str:
    parts = [HEAD]
    for group in (BASIC, MORE):
        parts.append(f"## {group}\n")
        parts += [described(option) for option in OPTIONS if option.group == group]
    return "\n".join(parts)


def test_the_documentation_is_the_table() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
