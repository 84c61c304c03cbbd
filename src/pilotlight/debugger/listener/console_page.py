"""The console's front end. It runs nothing by itself, and nothing by a click: code is typed, or pasted, into
the field, and Enter runs it. Nothing can be typed before this browser is unlocked.

What is typed is remembered while the page is open, and nowhere else: it may contain secrets.
"""

from __future__ import annotations

from . import shell
from .console_script import SCRIPT

_BODY = """
<main>
<p id="notice" class="notice" role="alert" hidden></p>
<div id="bar"><h1 id="where">Console</h1><span id="about" class="soft" role="status"></span>
<button type="button" id="fresh" hidden>Console in the fresh app</button></div>
<div id="log" role="log" aria-live="polite" aria-label="Console" tabindex="0"></div>
<div id="entry" class="locked"><span id="prompt" aria-hidden="true">&gt;&gt;&gt;</span>
<label class="unseen" for="code">Python code; Enter runs it</label>
<textarea id="code" rows="1" disabled spellcheck="false" autocapitalize="off" autocomplete="off"
autocorrect="off" aria-describedby="hint" aria-controls="names" aria-autocomplete="list"></textarea></div>
<ul id="names" role="listbox" aria-label="Completions" hidden></ul>
<p id="hint" class="soft">Enter runs, Shift+Enter adds a line, Tab completes (after Escape it leaves the
field), Ctrl+C cancels, Ctrl+L clears, arrows repeat.</p>
</main>
"""
_STYLE = """
html,body{height:100%}
main{display:flex;flex-direction:column;height:100%;max-width:none;padding:.6rem .9rem}
#bar{display:flex;gap:.1rem 1rem;align-items:baseline;flex-wrap:wrap;flex:none;margin-bottom:.3rem}
#bar>*{min-width:0;overflow-wrap:anywhere}
h1{font-size:1rem;margin:0}
#log{flex:0 1 auto;overflow:auto;min-height:0;font-family:var(--mono);font-size:.85rem;line-height:1.5}
#log pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}
#log .in{margin-top:.4rem;color:var(--soft)}
#log .stderr,#log .error{color:var(--bad)}
#log .note{color:var(--accent);font-family:var(--sans)}
#log .type{color:var(--soft)}
#log .masked,#log .lazy,#log .broken{font-style:italic}
#log details>*:not(summary){margin-left:1.2rem}
#log summary{cursor:pointer;overflow-wrap:anywhere;white-space:pre-wrap}
#log .leaf{overflow-wrap:anywhere;white-space:pre-wrap}
#log .key{color:var(--name)}
#entry{display:flex;gap:.5rem;padding:.3rem 0;margin-top:.25rem;align-items:flex-start}
#prompt{font-family:var(--mono);font-size:.85rem;line-height:1.5;color:var(--accent)}
#entry.busy #prompt,#entry.locked #prompt{opacity:.35}
#entry.locked~#hint{display:none}
#code:disabled{cursor:not-allowed}
#code{flex:1;border:0;background:none;color:inherit;line-height:1.5;padding:0;resize:none;outline:0;
overflow:auto;max-height:40vh;tab-size:4}
#entry:focus-within{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
#names{list-style:none;margin:0;padding:.2rem;max-height:12rem;overflow:auto;border:1px solid var(--line);
border-radius:6px;background:var(--card);font-family:var(--mono);font-size:.85rem;flex:none;width:fit-content}
#names li{padding:.05rem .6rem;border-radius:4px}
#names [aria-selected=true]{background:var(--accent);color:var(--bg)}
#hint{margin:.2rem 0 0;font-size:.8rem;flex:none}
@media (max-height:14rem){#hint{display:none}}
"""


def render(nonce: str, prefix: str) -> bytes:
    """The page. It reads `report` and `frame` from its own address."""
    return shell.render("Console · Pilotlight", _BODY, _STYLE, SCRIPT, nonce, prefix)
