"""The page around one report: the report in a frame that has no origin, a console for its frames below.

The report's page is markup of ours around texts of the app. Should an escape ever be missing, it still has no
access: the frame is sandboxed into an origin of its own, without our storage, and inherits our policy, by
which only scripts with this page's nonce run.
"""

from __future__ import annotations

from . import shell

_BODY = """
<div id="bar">
<a id="list">All errors</a>
<label id="choice" hidden>Console in <select id="frame"></select></label>
<button type="button" id="open" hidden>Console</button>
<button type="button" id="repeat" hidden>Send the request again</button>
<span id="state" class="soft" role="status"></span>
</div>
<p id="notice" class="notice" role="alert" hidden></p>
<iframe id="report" title="The error" sandbox="allow-scripts allow-top-navigation-to-custom-protocols"
allow="clipboard-write" hidden></iframe>
<iframe id="console" title="Console" hidden></iframe>
"""
_STYLE = """
html,body{height:100%}
body{display:flex;flex-direction:column}
#bar{display:flex;gap:1rem;align-items:center;flex-wrap:wrap;padding:.4rem 1rem;
border-bottom:1px solid var(--line);font-size:.9rem}
#notice{margin:.75rem 1rem}
iframe{border:0;width:100%;flex:1 1 60%;min-height:0;background:var(--bg)}
#console{flex:1 1 40%;border-top:1px solid var(--line)}
"""
_SCRIPT = """
const nonce=document.currentScript.nonce,id=new URLSearchParams(location.search).get("id")||"";
byId("list").href=base+"/";
function choose(){
const url=base+"/console?report="+encodeURIComponent(id)+"&frame="+encodeURIComponent(byId("frame").value);
const frame=byId("console");
if(frame.getAttribute("src")!==url)frame.src=url;
frame.hidden=false;frame.focus()}
async function load(){
try{
const report=await(await call("/api/report",{id:id,nonce:nonce})).json();
notice(null);
document.title=report.title+" \\u00b7 Pilotlight";
byId("report").srcdoc=report.html;byId("report").hidden=false;
byId("frame").replaceChildren(...report.frames.map(function(each){
const option=make("option","",each.label);option.value=each.handle;return option}));
const enter=report.frames.length>0;
byId("choice").hidden=byId("open").hidden=!enter;
byId("repeat").hidden=!report.repeatable;
byId("state").textContent=enter?"":"The frames of this error are gone, so there is no console in them.";
}catch(error){notice(error)}}
async function repeat(){
const button=byId("repeat"),state=byId("state");
button.disabled=true;state.textContent="Sending ...";
try{
for await(const event of lines(await call("/api/repeat",{id:id}))){
if(event.type==="note"){state.textContent=event.text;continue}
state.textContent="The app has answered with status "+event.status+".";
if(event.error){const link=make("a",""," The new error");
link.href=base+"/report?id="+encodeURIComponent(event.error);state.append(link)}}
}catch(error){notice(error);state.textContent=""}
button.disabled=false}
byId("open").addEventListener("click",choose);
byId("repeat").addEventListener("click",repeat);
byId("frame").addEventListener("change",function(){if(!byId("console").hidden)choose()});
whenUnlocked(load);
load();
"""


def render(nonce: str, prefix: str) -> bytes:
    """The page."""
    return shell.render("Error · Pilotlight", _BODY, _STYLE, _SCRIPT, nonce, prefix)
