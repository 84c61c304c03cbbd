"""The page that lists recent errors, of all clients, equal ones together, and stays up to date by itself."""

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
#errors>li{margin-bottom:.4rem;border:1px solid var(--line);border-radius:8px;background:var(--card)}
#errors>li:hover{border-color:var(--accent)}
#errors a{display:block;color:inherit;text-decoration:none;overflow-wrap:anywhere}
#errors>li>a{padding:.6rem .9rem}
#errors b{font-weight:600}
#errors .count{float:right;margin-left:.8rem;padding:0 .6rem;border:1px solid var(--line);border-radius:1rem;
font-size:.85rem;white-space:nowrap}
#errors .about{display:block;color:var(--soft);font-size:.85rem}
#errors details{padding:0 .9rem .5rem;font-size:.85rem;color:var(--soft)}
#errors summary{width:fit-content;cursor:pointer}
#errors details ol{list-style:none;margin:0;padding:.2rem 0 0 1rem}
#errors details a{padding:.1rem 0}
#errors a:hover,#errors a:focus-visible{text-decoration:underline}
"""
# A browser opens few connections to one server, so a page that is not seen gives its stream back.
_SCRIPT = """
let stream=null,delay=1000,shown="";
const KINDS={request:"request",load:"loading the app",lifespan:"start-up or shutdown",
background:"outside a request",death:"the process died",
slow:"still loading the app"};
const opened=new Set();
function link(each){
const made=make("a");made.id="r"+each.id;
made.href=base+"/report?id="+encodeURIComponent(each.id);return made}
function about(each){
const when=make("time","",new Date(each.time*1000).toLocaleTimeString()),node=make("span","about");
when.dateTime=new Date(each.time*1000).toISOString();
node.append(when," \u00b7 ",[each.where||KINDS[each.kind]||each.kind,each.client,
each.alive?"console possible":""].filter(Boolean).join(" \u00b7 "));
return node}
function group([newest,...older]){
const item=make("li"),first=link(newest);
if(newest.count>1)first.append(make("span","count",newest.count+" times"));
first.append(make("b","",newest.title),about(newest));item.append(first);
if(!older.length)return item;
const more=make("details"),summary=make("summary","",older.length+" older"),list=make("ol");
const lost=newest.count-older.length-1;
summary.id="g"+newest.group;more.open=opened.has(newest.group);
more.addEventListener("toggle",function(){opened[more.open?"add":"delete"](newest.group)});
list.append(...older.map(function(each){
const item=make("li"),old=link(each);old.append(about(each));item.append(old);return item}));
if(lost>0)list.append(make("li","",lost+" before these are not kept."));
more.append(summary,list);item.append(more);return item}
function groups(list){
const found=new Map();
for(const each of list){if(!found.has(each.group))found.set(each.group,[]);found.get(each.group).push(each)}
return [...found.values()]}
async function refresh(){
const list=(await(await call("/api/reports",{})).json()).reports,text=JSON.stringify(list);
notice(null);
if(text===shown)return;
shown=text;
const focused=document.activeElement.id;
byId("errors").replaceChildren(...groups(list).map(group));byId("none").hidden=list.length>0;
if(focused&&byId(focused))byId(focused).focus({preventScroll:true})}
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
