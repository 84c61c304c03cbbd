"""The scripts of the error page, as constants: the page must not depend on other files.

All that they do is comfort: without them the page can still be read whole.
"""

from __future__ import annotations

from .heal import STATE_PATH

# Keys, copying, and one console that moves from frame to frame.
PAGE_SCRIPT = """
(function(){
"use strict";
var $=function(id){return document.getElementById(id)};
var all=function(what,where){return Array.prototype.slice.call((where||document).querySelectorAll(what))};
var help=$("help"),said=$("said"),current=null,panel=null;
function say(text){said.textContent="";said.classList.add("shown");
setTimeout(function(){said.textContent=text},30);
clearTimeout(say.timer);say.timer=setTimeout(function(){said.classList.remove("shown")},4000)}
function text(id){var element=$(id);return element?element.textContent:""}
function copied(form){
if(form==="curl")return text("curl");
return form==="text"?text("text"):text("before")+text("text")+text("after")}
function copy(form){
var what=copied(form),name={markdown:"Markdown",text:"Text",curl:"curl command"}[form];
function done(){say(name+" copied.")}
function old(){
var area=document.createElement("textarea");area.value=what;document.body.appendChild(area);area.select();
var ok=document.execCommand("copy");area.remove();
if(ok)done();else say("The browser refused to copy; the text is at the end of the page.")}
if(navigator.clipboard)navigator.clipboard.writeText(what).then(done,old);else old()}
all("[data-copy]").forEach(function(button){button.hidden=false;
button.addEventListener("click",function(){copy(button.dataset.copy)})});

function seen(each){return !each.parentNode.closest("details:not([open])")}
function frames(){return all("[data-frame]").filter(seen)}
function select(frame){
if(current)current.classList.remove("current");
current=frame;frame.classList.add("current");
var target=frame.querySelector("summary")||frame;
if(frame.id==="focus")target=frame;
target.focus({preventScroll:true});frame.scrollIntoView({block:"nearest"})}
function unfold(){
var next=all(".library>details:not([open])").filter(seen).filter(function(each){
return !current||current.compareDocumentPosition(each)&Node.DOCUMENT_POSITION_FOLLOWING})[0];
if(next)next.open=true}
function step(by){
var list=frames(),at=list.indexOf(current);
if(by>0&&at===list.length-1){unfold();list=frames()}
if(!list.length)return;
select(list[at<0?0:Math.min(Math.max(at+by,0),list.length-1)])}
function chosen(){return current&&seen(current)?current:frames()[0]}
document.addEventListener("focusin",function(event){
var frame=event.target.closest&&event.target.closest("[data-frame]");
if(frame&&frame!==current){if(current)current.classList.remove("current");current=frame;
frame.classList.add("current")}});

function name(frame){
var called=frame.querySelector(".function"),file=frame.querySelector(".file");
return(called?called.textContent:"")+" ("+(file?file.textContent:"")+")"}
function shut(back){
if(!panel)return;
var frame=panel.parentNode,button=all("button.con",frame).pop();
panel.remove();panel=null;
document.body.dataset.typing="";document.dispatchEvent(new Event("console-closed"));
if(button){button.setAttribute("aria-expanded","false");if(back)button.focus()}}
function consoleIn(frame){
var link=frame.querySelector("a.con");
if(!link){say(text("console-note")||"There is no console in this frame: it is not kept.");return}
if(panel&&panel.parentNode===frame){shut(true);return}
shut(false);
if(frame.tagName==="DETAILS")frame.open=true;
panel=document.createElement("div");panel.className="console";
var inside=document.createElement("iframe");
inside.title="Console in "+name(frame);inside.setAttribute("allow","");inside.referrerPolicy="no-referrer";
inside.src=link.href;
panel.appendChild(inside);frame.appendChild(panel);
frame.querySelector("button.con").setAttribute("aria-expanded","true");
inside.focus();panel.scrollIntoView({block:"nearest"})}
window.addEventListener("message",function(event){
if(panel&&event.source===panel.firstChild.contentWindow&&event.data&&"typing" in event.data)
document.body.dataset.typing=event.data.typing?"yes":""});
all("a.con").forEach(function(link){
var button=document.createElement("button");
button.type="button";button.className="con";button.textContent="Console";
button.setAttribute("aria-expanded","false");
button.addEventListener("click",function(){consoleIn(button.closest("[data-frame]"))});
link.parentNode.insertBefore(button,link);link.textContent="in its own tab";
link.setAttribute("aria-label","Console in its own tab")});

function libraries(){
var list=all(".library>details"),open=list.some(function(each){return !each.open});
list.forEach(function(each){each.open=open})}
function toggle(){var frame=chosen();if(frame&&frame.tagName==="DETAILS"){frame.open=!frame.open;
if(frame!==current)select(frame)}}
function edit(){
var frame=chosen(),link=(frame||document).querySelector("a.edit");
if(link)link.click();else say("No editor is chosen: start with --editor, such as --editor vscode.")}
function ask(){if(help.open)help.close();else if(help.showModal)help.showModal()}
$("keys").hidden=false;$("keys").addEventListener("click",ask);$("close").addEventListener("click",ask);
help.addEventListener("click",function(event){if(event.target===help)help.close()});
var keys={j:function(){step(1)},k:function(){step(-1)},o:toggle,l:libraries,e:edit,
c:function(){copy("markdown")},
"`":function(){var frame=chosen();if(frame)consoleIn(frame);else say(text("console-note"))},"?":ask};
document.addEventListener("keydown",function(event){
if(event.ctrlKey||event.metaKey||event.altKey||event.isComposing||event.defaultPrevented)return;
var at=event.target,key=event.key;
if(at.closest&&at.closest("input,textarea,select,[contenteditable]"))return;
if(help.open&&key!=="?")return;
if(key==="Enter"&&(at===document.body||at.id==="focus")){toggle();return}
if(Object.prototype.hasOwnProperty.call(keys,key)&&!(event.repeat&&key!=="j"&&key!=="k")){
event.preventDefault();keys[key]()}});
})();
"""

# One question at a time, which the server answers when there is news, or half a minute later. A browser opens
# few connections to one server (six), so a tab that is not seen gives its own back, and asks at once when it
# is seen again; of pages that are seen together three wait, and the others look once a second. What a form
# sent is kept by the browser itself: loading its page again sends it again, byte for byte, however large it
# was. Writing a fetched answer into this document instead would leave it under this page's policy, without
# its own styles and scripts. What somebody is typing into the console is not taken away: the page waits.
HEAL_SCRIPT = """
(function(){
"use strict";
var data=document.body.dataset,live=document.getElementById("live"),again=document.getElementById("again");
var said=live.textContent,delay=250,timer=0,question=null,over=false;
var load=data.heal==="replace",failed=load?data.errorId:"";
live.hidden=false;
function later(after){clearTimeout(timer);if(!document.hidden&&!over)timer=setTimeout(ask,after)}
function isOver(state){
if(state.changed)return true;
if(load)return state.error!==data.errorId;
return typeof state.generation==="string"&&state.generation!==data.generation}
function describe(state){
failed=load?data.errorId:state.error||"";
live.textContent=load||!failed?said:
"What was saved since cannot be loaded: load this page again to see why, or mend it, and the page follows."}
function ended(){
over=true;
if(data.typing){
live.textContent="The code has been loaded again. This page follows when its console is closed.";
document.addEventListener("console-closed",ended,{once:true});return}
if(data.heal!=="resend"){location.reload();return}
live.textContent="The code has been loaded again.";again.hidden=false}
function withPlace(work,place){
if(!navigator.locks)return work(true);
return navigator.locks.request("pilotlight-"+place,{ifAvailable:true},function(lock){
return lock||place===3?work(lock):withPlace(work,place+1)})}
function ask(){
if(question||over||document.hidden)return;
var mine=question=new AbortController(),since=Date.now();
withPlace(function(waits){
return fetch("STATE_PATH?of="+data.errorId+(waits?"&after="+(load?"":data.generation)+"&not="+failed:""),
{cache:"no-store",redirect:"manual",signal:mine.signal}).then(function(answer){
if(!answer.ok)throw new Error("refused");
return answer.json()})},1)
.then(function(state){
question=null;delay=250;
if(isOver(state))ended();else{describe(state);later(Date.now()-since<1000?1000:0)}
}).catch(function(){
if(mine.signal.aborted)return;
question=null;delay=Math.min(delay*2,8000);
live.textContent="The server does not answer; is it still running? This page goes on asking.";later(delay)
})}
function rest(){clearTimeout(timer);if(question){question.abort();question=null}}
if(again)again.addEventListener("click",function(){again.disabled=true;location.reload()});
document.addEventListener("visibilitychange",function(){
if(document.hidden)rest();else{delay=250;ask()}});
window.addEventListener("pageshow",function(event){if(event.persisted)ask()});
ask();
})();
""".replace("STATE_PATH", STATE_PATH)
