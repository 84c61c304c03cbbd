"""The script of the console's page, as a constant.

It runs code only on a trusted key press in a field that is seen: a page that frames the console can neither
type into it nor hide it under something else (Intersection Observer v2, where the browser has it). It learns
whether something stands in the field, and never what.
"""

from __future__ import annotations

_OUTPUT = """
const query=new URLSearchParams(location.search);
let report=query.get("report")||"",frame=parseInt(query.get("frame")||"-1",10);
if(!report||!(frame>=0))frame=-1;
const log=byId("log"),field=byId("code"),names=byId("names");
const MOST_ENTRIES=400,MOST_CHARACTERS=1000000;
let characters=0,pending=null,drawing=0;
function atEnd(){return log.scrollHeight-log.scrollTop-log.clientHeight<40}
function clean(text){
return text.replace(/\\x1b(\\[[0-9;?]*[ -/]*[@-~]|\\][^\\x07\\x1b]*(\\x07|\\x1b\\\\)?)/g,"")}
function add(node){
const follow=atEnd();
characters+=node.textContent.length;log.append(node);
while(log.childElementCount>1&&(log.childElementCount>MOST_ENTRIES||characters>MOST_CHARACTERS)){
characters-=log.firstElementChild.textContent.length;log.firstElementChild.remove()}
if(follow)log.scrollTop=log.scrollHeight}
function draw(){drawing=0;if(!pending)return;
const text=clean(pending.text),last=log.lastElementChild;
if(last&&last.dataset.open&&last.className===pending.stream&&last.textContent.length<100000){
const follow=atEnd();characters+=text.length;last.append(text);if(follow)log.scrollTop=log.scrollHeight}
else{const block=make("pre",pending.stream,text);block.dataset.open="1";add(block)}
pending=null}
function output(stream,text){
if(pending&&pending.stream!==stream)draw();
if(!pending)pending={stream:stream,text:""};
pending.text+=text;
if(pending.text.length>200000)pending.text="... "+pending.text.slice(-100000);
if(!drawing)drawing=setTimeout(draw,30)}
function put(kind,text){draw();add(make("pre",kind,clean(text)))}
function tree(value,key){
const top=document.createDocumentFragment();
if(key)top.append(make("span","key",key),": ");
top.append(make("span",value.kind,value.text));
const about=[value.type,value.length===null||value.length===undefined?"":"length "+value.length,value.note];
const words=about.filter(Boolean).join(", ");
if(words)top.append(" ",make("span","type",words));
if(!value.items||!value.items.length){const leaf=make("div","leaf");leaf.append(top);return leaf}
const node=make("details"),summary=make("summary");
summary.append(top);node.append(summary);
node.addEventListener("toggle",function(){
if(node.childElementCount>1)return;
for(const item of value.items)node.append(tree(item.value,item.key));
if(value.omitted)node.append(make("div","type","and "+value.omitted+" more"))},{once:true});
return node}
"""
_RUNNING = """
let running=null,history_=[],place=0,draft="",seen=true,where=null,introduced=false,told=false;
function say(){
const fresh=frame<0,known=where&&where.place;
byId("where").textContent=!where?"Console":fresh?"Console of the fresh app":
known?"Console in "+known:"Console in a frame that is not known any more";
byId("about").textContent=!where?"":fresh?"As it runs now, outside any request.":where.title||"";
document.title=(!where?"":fresh?"The fresh app \u00b7 ":known?known+" \u00b7 ":"A frame \u00b7 ")+
"Console \u00b7 Pilotlight"}
function lock(locked){
field.disabled=locked;field.placeholder=locked?"Locked":"";byId("entry").classList.toggle("locked",locked);
if(!locked&&document.hasFocus()&&document.activeElement===document.body)field.focus()}
function trouble(error){notice(error);if(error.locked)lock(true)}
function gone(){frame<0||(byId("fresh").hidden=false)}
async function introduce(){
if(introduced||frame>=0||field.disabled)return;
introduced=true;
try{for await(const event of lines(await call("/api/about",{report:"",frame:-1})))
if(event.type==="note")put("note",event.text);else if(event.type==="error")put("error",event.text)}
catch(error){introduced=false;trouble(error)}}
byId("fresh").addEventListener("click",function(){
report="";frame=-1;byId("fresh").hidden=true;say();put("note","This console is in the app as it is now.");
introduce();field.focus()});
async function run(){
const code=field.value,typed=code.replace(/\\n[ \\t]*$/,"\\n");
if(!typed.trim()){put("in",">>> ");field.value="";fit();return}
const mine=running=new AbortController();
byId("entry").classList.add("busy");
let status="",echoed=false;
function echo(){if(echoed)return;echoed=true;
put("in",">>> "+code.replace(/\\s+$/,"").split("\\n").join("\\n... "));
field.value="";fit();log.scrollTop=log.scrollHeight}
const slow=setTimeout(function(){echo();byId("about").textContent="Running. Ctrl+C cancels."},500);
try{
const answer=await call("/api/evaluate",{report:report,frame:frame,code:typed},mine.signal);
notice(null);
for await(const event of lines(answer)){
if(event.type!=="done")echo();
if(event.type==="output")output(event.stream==="stderr"?"stderr":"stdout",event.text);
else if(event.type==="value"){draw();add(tree(event.value,""))}
else if(event.type==="error")put("error",event.text);
else if(event.type==="note")put("note",event.text);
else if(event.type==="done")status=event.status}
if(status!=="incomplete")echo();
if(status==="cancelled")put("note","Cancelled.");
else if(status==="gone")gone();
else if(!status)put("note","The answer has been cut off: the worker or the server has ended.");
}catch(error){
if(error.name==="AbortError"){echo();put("note","No longer waited for.")}
else trouble(error)}
finally{clearTimeout(slow);say();draw();running=null;byId("entry").classList.remove("busy");tell()}
if(status==="incomplete"){more(code);return}
if(echoed){if(history_[history_.length-1]!==code)history_.push(code);place=history_.length;draft=""}}
function more(code){
const last=code.split("\\n").pop(),indent=/^[ \\t]*/.exec(last)[0]+(/:\\s*(#.*)?$/.test(last)?"    ":"");
field.value=code+"\\n"+indent;field.selectionStart=field.selectionEnd=field.value.length;fit()}
async function cancel(){
if(running.asked){running.abort();return}
running.asked=true;
try{for await(const event of lines(await call("/api/cancel",{report:report,frame:frame})))
if(event.type==="note")put("note",event.text)}
catch(error){trouble(error)}}
function tell(){const now=Boolean(running||field.value);
if(now!==told&&window.parent!==window)window.parent.postMessage({typing:now},"*");
told=now}
function fit(){const follow=atEnd();tell();
field.rows=Math.min(field.value.split("\\n").length,20);
if(follow)log.scrollTop=log.scrollHeight}
"""
# Positions are counted in characters by Python, in UTF-16 units by the browser.
_COMPLETING = """
let offered=null,asking=0,leave=false;
function close_(){offered=null;names.hidden=true;names.replaceChildren();
field.removeAttribute("aria-activedescendant")}
function insert(start,end,text){field.setRangeText(text,start,end,"end");fit()}
function mark(index){
offered.index=(index+offered.names.length)%offered.names.length;
[...names.children].forEach(function(item,at){const on=at===offered.index;
item.setAttribute("aria-selected",on?"true":"false");
if(on){item.scrollIntoView({block:"nearest"});field.setAttribute("aria-activedescendant",item.id)}})}
function accept(index){const one=offered;insert(one.start,field.selectionStart,one.names[index]);close_()}
function shared(list){let common=list[0];
for(const each of list)while(!each.startsWith(common))common=common.slice(0,-1);return common}
async function complete(){
const turn=++asking,text=field.value,at=field.selectionStart;
let found=null;
try{const answer=await call("/api/complete",{report:report,frame:frame,code:text,
position:[...text.slice(0,at)].length});
for await(const event of lines(answer)){if(event.type==="names")found=event;
if(event.type==="note")put("note",event.text);
if(event.type==="done"&&event.status==="gone")gone()}
}catch(error){trouble(error);return}
if(turn!==asking||field.value!==text||field.selectionStart!==at||!found||!found.names.length)return;
const start=[...text].slice(0,found.start).join("").length,common=shared(found.names);
if(found.names.length===1||common.length>at-start)insert(start,at,common);
if(found.names.length===1)return;
offered={start:start,names:found.names.slice(0,200),index:-1};
names.replaceChildren(...offered.names.map(function(name,number){
const item=make("li","",name);item.id="name"+number;item.setAttribute("role","option");
item.addEventListener("mousedown",function(event){event.preventDefault();accept(number)});return item}));
names.hidden=false}
"""
_KEYS = """
function watched(){
if(window.top===window||!("IntersectionObserver" in window))return;
if(!("isVisible" in IntersectionObserverEntry.prototype))return;
seen=false;
new IntersectionObserver(function(entries){
seen=entries[entries.length-1].isVisible;document.body.dataset.seen=seen},
{threshold:[0,.25,.5,.75,1],trackVisibility:true,delay:100}).observe(byId("entry"))}
function line(){return field.value.slice(field.value.lastIndexOf("\\n",field.selectionStart-1)+1,
field.selectionStart)}
function recall(step){
if(place===history_.length)draft=field.value;
place+=step;field.value=place===history_.length?draft:history_[place];
field.selectionStart=field.selectionEnd=field.value.length;fit()}
field.addEventListener("keydown",function(event){
if(!event.isTrusted||event.isComposing)return;
const plain=!event.ctrlKey&&!event.altKey&&!event.metaKey,key=event.key;
if(key==="Escape"){leave=true;close_();return}
if(key==="Tab"&&plain&&!event.shiftKey&&!leave){
event.preventDefault();
if(offered)mark(offered.index+1);
else if(!line().trim())insert(field.selectionStart,field.selectionEnd,"    ");
else complete();
return}
leave=false;
if(offered&&plain&&(key==="ArrowDown"||key==="ArrowUp")){
event.preventDefault();mark(offered.index+(key==="ArrowDown"?1:offered.index<0?0:-1));return}
if(key==="Enter"&&plain&&!event.shiftKey){
event.preventDefault();
if(event.repeat)return;
if(offered&&offered.index>=0){accept(offered.index);return}
close_();
if(running){put("note","Something still runs here; Ctrl+C cancels it.");return}
if(!seen){put("note","Nothing is run while something covers this console; open it in a tab of its own: "+
location.href);return}
run();return}
if(key==="ArrowUp"&&plain&&place>0&&!field.value.slice(0,field.selectionStart).includes("\\n")){
event.preventDefault();recall(-1);return}
if(key==="ArrowDown"&&plain&&place<history_.length&&!field.value.slice(field.selectionEnd).includes("\\n")){
event.preventDefault();recall(1)}});
document.addEventListener("keydown",function(event){
if(!event.isTrusted||!event.ctrlKey||event.altKey||event.metaKey||event.shiftKey)return;
if(event.key==="l"){event.preventDefault();draw();log.replaceChildren();characters=0;field.focus()}
if(event.key==="c"&&(running||!field.disabled)&&field.selectionStart===field.selectionEnd&&String(getSelection())===""){
event.preventDefault();close_();
if(running)cancel();
else{put("in",">>> "+field.value+"^C");field.value="";place=history_.length;fit()}}});
field.addEventListener("input",function(){close_();fit()});
field.addEventListener("blur",close_);
for(const kind of["dragover","drop"])document.addEventListener(kind,function(event){event.preventDefault()});
window.addEventListener("focus",function(){
if(field.disabled)begin();else if(document.activeElement===document.body)field.focus()});
async function begin(){
try{
const state=await(await call("/api/alive",{id:report,frame:frame})).json();
where=state;say();notice(null);lock(false);
if(report&&!state.alive&&byId("fresh").hidden){put("note","The frames of this error are gone: the app was "+
"loaded again since, or newer errors took their place.");gone()}
if(window.top===window)introduce();
}catch(error){notice(error);lock(Boolean(error.locked))}}
whenUnlocked(begin);watched();say();begin();
"""

SCRIPT = _OUTPUT + _RUNNING + _COMPLETING + _KEYS
