"""The page that lists recent errors, of all clients, and stays up to date by itself."""

from __future__ import annotations

from . import shell

_BODY = """
<main>
<h1>Recent errors</h1>
<p class="soft">Of all clients: browsers, phones, webhooks, background tasks, workers that died.
<a id="console">Open a console in the app</a></p>
<p id="notice" class="notice" role="alert" hidden></p>
<p id="none" class="soft" hidden>No error so far.</p>
<ol id="errors" aria-label="Errors, newest first" aria-live="polite"></ol>
<p id="state" class="soft" role="status"></p>
</main>
"""
_STYLE = """
#errors{list-style:none;margin:1rem 0;padding:0}
#errors a{display:block;padding:.6rem .9rem;margin-bottom:.4rem;border:1px solid var(--line);
border-radius:8px;background:var(--card);color:inherit;text-decoration:none;overflow-wrap:anywhere}
#errors a:hover{border-color:var(--accent)}
#errors b{font-weight:600}
#errors span{display:block;color:var(--soft);font-size:.85rem}
"""
# A browser opens few connections to one server, so a page that is not seen gives its stream back.
_SCRIPT = """
let stream=null,delay=1000,shown="";
const KINDS={request:"request",load:"loading the app",lifespan:"start-up or shutdown",
background:"outside a request",death:"the process died"};
function line(each){
const item=make("li"),link=make("a");
link.href=base+"/report?id="+encodeURIComponent(each.id);
link.append(make("b","",each.title));
const when=make("time","",new Date(each.time*1000).toLocaleTimeString());
when.dateTime=new Date(each.time*1000).toISOString();
const about=make("span");
about.append(when," \\u00b7 ",[each.where||KINDS[each.kind]||each.kind,each.client,
each.alive?"console possible":""].filter(Boolean).join(" \\u00b7 "));
link.append(about);item.append(link);return item}
async function refresh(){
const list=(await(await call("/api/reports",{})).json()).reports,text=JSON.stringify(list);
notice(null);
if(text===shown)return;
shown=text;
byId("errors").replaceChildren(...list.map(line));byId("none").hidden=list.length>0}
async function watch(){
if(stream||document.hidden)return;
const mine=stream=new AbortController();
try{
const answer=await call("/api/events",{},mine.signal);
await refresh();delay=1000;byId("state").textContent="This list is live.";
for await(const event of lines(answer))await refresh();
throw Object.assign(new Error("The server has closed the connection; asking again."),{away:true});
}catch(error){
if(mine.signal.aborted)return;
mine.abort();byId("state").textContent="";notice(error);
if(!error.locked){setTimeout(watch,delay);delay=Math.min(delay*2,8000)}
}finally{if(stream===mine)stream=null}}
document.addEventListener("visibilitychange",function(){
if(document.hidden){if(stream){stream.abort();stream=null}}else watch()});
window.addEventListener("pageshow",function(event){if(event.persisted)watch()});
whenUnlocked(watch);
byId("console").href=base+"/console";
watch();
"""


def render(nonce: str, prefix: str) -> bytes:
    """The page."""
    return shell.render("Recent errors · Pilotlight", _BODY, _STYLE, _SCRIPT, nonce, prefix)
