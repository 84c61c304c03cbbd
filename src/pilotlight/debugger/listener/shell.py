"""What all debug pages have in common: their frame, style, and the script that speaks to the API.

The pages hold no data: they can be loaded by anybody who reaches the port, and show nothing before the API
has found their token good. Texts of the app enter a page only as text, never as markup.
"""

from __future__ import annotations

from html import escape

STYLE = """
:root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#1d1b19;--soft:#6b6660;--line:#e6e1da;
--accent:#c2410c;--bad:#b42318;--good:#3f6b34;--string:#3f6b34;--name:#1f5f99;
--mono:ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){:root{--bg:#171614;--card:#1f1d1b;--ink:#ece7e1;--soft:#a19a91;
--line:#35312d;--accent:#ff9a5c;--bad:#ff8f80;--good:#a5cc8f;--string:#a5cc8f;--name:#8dc0f0}}
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 var(--sans);-webkit-text-size-adjust:100%}
main{max-width:68rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.4rem;margin:0 0 .5rem}
p{margin:.4rem 0}
a{color:var(--name)}
code,pre,textarea{font-family:var(--mono);font-size:.85rem}
code{background:var(--card);border:1px solid var(--line);border-radius:4px;padding:.05rem .35rem}
.soft{color:var(--soft);font-size:.9rem}
.notice{border-left:3px solid var(--accent);background:var(--card);padding:.6rem .9rem;margin:.75rem 0;
border-radius:0 6px 6px 0;overflow-wrap:anywhere}
button,select{padding:.25rem .8rem;font:inherit;font-size:.875rem;color:inherit;background:var(--card);
border:1px solid var(--line);border-radius:6px;cursor:pointer;max-width:100%}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
"""

# `call` throws an Error whose `locked` says that a token is missing. `lines` gives the events of a stream.
SCRIPT = """
"use strict";
const base=document.documentElement.dataset.base,slot="pilotlight-token"+base;
function byId(id){return document.getElementById(id)}
function make(tag,className,text){const e=document.createElement(tag);if(className)e.className=className;
if(text!==undefined)e.textContent=text;return e}
function stored(){try{return localStorage.getItem(slot)||""}catch(e){return null}}
async function call(path,body,signal){
const token=stored();
if(token===null)throw Object.assign(new Error(
"Your browser lets this page keep nothing here, so it cannot be unlocked; open it in a tab of its own."),
{locked:true,storage:true});
if(!token&&path!=="/api/unlock")throw Object.assign(new Error(LOCKED),{locked:true});
let answer;
const headers={"Content-Type":"application/json"};
if(token&&path!=="/api/unlock")headers["X-Pilotlight-Token"]=token;
try{answer=await fetch(base+path,{method:"POST",cache:"no-store",credentials:"omit",redirect:"error",
referrerPolicy:"no-referrer",signal:signal,headers:headers,body:JSON.stringify(body)})}
catch(e){if(e.name==="AbortError")throw e;
throw Object.assign(new Error("The server does not answer; is it still running?"),{away:true})}
if(answer.ok)return answer;
const sentence=(await answer.text()).trim();
throw Object.assign(new Error(sentence),{locked:answer.headers.has("X-Pilotlight-Locked"),
status:answer.status})}
const LOCKED="This browser may not use the debugger yet: open in it the link that the terminal shows, or "+
"run `pilotlight unlock` in the directory of the project for a fresh one.";
async function*lines(answer){
const reader=answer.body.pipeThrough(new TextDecoderStream()).getReader();
let rest="";
try{for(;;){const part=await reader.read();
if(part.done)return;
const pieces=(rest+part.value).split("\\n");rest=pieces.pop();
for(const piece of pieces)if(piece)yield JSON.parse(piece)}}
finally{reader.cancel().catch(function(){})}}
function notice(error){const box=byId("notice");box.hidden=!error;box.textContent=error?error.message:"";
if(error&&error.storage&&window.top!==window){const link=make("a","","Open it in a tab of its own.");
link.href=location.href;link.target="_blank";link.rel="noopener";box.append(" ",link)}}
function whenUnlocked(again){window.addEventListener("storage",function(event){
if(event.key===slot&&event.newValue)again()})}
"""


def render(title: str, body: str, style: str, script: str, nonce: str, prefix: str) -> bytes:
    """A whole page, in UTF-8.

    Args:
        title: its title, as text.
        body: its markup, ours alone.
        style: besides the common one.
        script: besides the common one.
        nonce: of the content security policy.
        prefix: what the paths of the pages and of the API begin with.
    """
    mark = f'nonce="{escape(nonce)}"'
    return (
        f'<!doctype html>\n<html lang="en" data-base="{escape(prefix)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="robots" content="noindex">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n'
        f"<style {mark}>{STYLE}{style}</style>\n</head>\n<body>\n{body}"
        '<noscript><p class="notice">The debugger needs JavaScript; the error pages themselves do not.</p>'
        f"</noscript>\n<script {mark}>{SCRIPT}{script}</script>\n</body>\n</html>\n"
    ).encode()
