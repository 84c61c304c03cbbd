"""The page behind a one-time link: it exchanges the key for a token, and keeps that.

The key is in the fragment, which no server sees, and leaves the address bar (and so the history) at once.
Behind an ampersand may follow `app`: then the page goes on to the app by itself.
"""

from __future__ import annotations

from . import shell

_BODY = """
<main>
<h1 id="title">Unlocking this browser</h1>
<p id="notice" class="notice" role="alert" hidden></p>
<p id="done" role="status" hidden>It may use the debugger of this project for two weeks. You can close this
page, or go on to <a id="list">the recent errors</a> or <a id="console">a console in the app</a>.</p>
</main>
"""
_SCRIPT = """
async function unlock(){
const [key,then]=location.hash.slice(1).split("&");
history.replaceState(null,"",location.pathname);
notice(null);byId("done").hidden=true;
byId("list").href=base+"/";byId("console").href=base+"/console";
if(!key){
if(stored()){byId("title").textContent="This browser is unlocked";byId("done").hidden=false;return}
byId("title").textContent="This browser is locked";notice(new Error(LOCKED));return}
try{
const answer=await(await call("/api/unlock",{key:key,host:location.hostname})).json();
localStorage.setItem(slot,answer.token);
if(answer.next){location.replace(answer.next+(then?"&"+then:""));return}
if(then==="app"&&answer.app){location.replace(answer.app);return}
byId("title").textContent="This browser is unlocked";byId("done").hidden=false;
}catch(error){byId("title").textContent="This browser is not unlocked";notice(error)}}
window.addEventListener("hashchange",function(){if(location.hash)unlock()});
unlock();
"""


def render(nonce: str, prefix: str) -> bytes:
    """The page."""
    return shell.render("Unlock · Pilotlight", _BODY, "", _SCRIPT, nonce, prefix)
