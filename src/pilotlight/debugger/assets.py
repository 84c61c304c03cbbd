"""The style and the scripts of the error page, as constants: the page must not depend on other files."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#1d1b19;--soft:#6b6660;--line:#e6e1da;
--accent:#c2410c;
--here:#fff1e6;--mark:#ffd3b0;--markline:#c2410c;--code:#faf8f5;--number:#a39c93;
--comment:#857d74;--string:#3f6b34;--keyword:#8b3a8f;--digit:#1f5f99;--name:#1f5f99;--good:#eef6ee;
--goodline:#4d7c4f;
--mono:ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){:root{--bg:#171614;--card:#1f1d1b;--ink:#ece7e1;--soft:#a19a91;
--line:#35312d;
--accent:#ff9a5c;--here:#3a2618;--mark:#7c4318;--markline:#ff9a5c;--code:#1a1917;--number:#736c64;
--comment:#8d857b;--string:#a5cc8f;--keyword:#dba0e0;--digit:#8dc0f0;--name:#8dc0f0;
--good:#1c2a1d;
--goodline:#8fc592}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 var(--sans);
border-top:4px solid var(--accent);
-webkit-text-size-adjust:100%}
main{max-width:68rem;margin:0 auto;padding:1.75rem 1.5rem 1rem}
p{margin:0}
.kind{color:var(--soft);font-size:.875rem}
h1,h2,h4{margin:.35rem 0 0;font-weight:600;line-height:1.3;overflow-wrap:anywhere}
h1{font-size:1.7rem}h2{font-size:1.25rem}h4{font-size:1rem}
h1.long{font-size:1.15rem}h2.long{font-size:1rem}
.type{display:block;color:var(--accent);font-size:1.05rem;font-family:var(--mono)}
h2 .type{font-size:.95rem}h4 .type{font-size:.9rem}
.type small{font-size:.85em;opacity:.75;font-weight:400}
.message{white-space:pre-wrap}
.long .message{display:block;font-family:var(--mono);font-size:.9rem;font-weight:400;max-height:18rem;
overflow:auto}
.suggestion,.note,.live{margin-top:.75rem;padding:.5rem .8rem;border-left:3px solid var(--goodline);
background:var(--good);
border-radius:0 6px 6px 0;white-space:pre-wrap;overflow-wrap:anywhere}
.note{border-color:var(--line);background:var(--card)}
.live{border-color:var(--accent);background:var(--card);font-size:.9rem;color:var(--soft)}
.focus{margin-top:1.25rem;border:1px solid var(--line);border-radius:10px;background:var(--card);
overflow:hidden}
.place{padding:.6rem .9rem;border-bottom:1px solid var(--line);font-size:.9rem;overflow-wrap:anywhere}
.file,.function{font-family:var(--mono);font-size:.85rem}
.file b{font-weight:600}.line{color:var(--accent)}
.directory,.in{color:var(--soft)}
.function{color:var(--ink);font-weight:600}
pre{margin:0;font-family:var(--mono);font-size:.85rem;line-height:1.6;tab-size:4}
.code{background:var(--code);overflow-x:auto;padding:.5rem 0}
.code>span{display:block;width:max-content;min-width:100%;padding-right:1rem;
border-left:3px solid transparent}
.code>.here{background:var(--here);border-left-color:var(--markline)}
.code i{display:inline-block;width:3.5rem;padding-right:1rem;text-align:right;color:var(--number);
font-style:normal;
user-select:none;-webkit-user-select:none}
.code code{font:inherit}
.code em{font-style:normal}.c{color:var(--comment)}.s{color:var(--string)}.k{color:var(--keyword)}
.n{color:var(--digit)}.d{color:var(--name)}
mark{background:var(--mark);color:inherit;border-radius:3px;box-shadow:0 2px 0 var(--markline)}
.source-note{color:var(--soft);font-size:.85rem;padding:.4rem .9rem}
h3{margin:1.75rem 0 .5rem;font-size:1rem}h3 small{color:var(--soft);font-weight:400;margin-left:.35rem}
.stack{list-style:none;margin:0;padding:0}
.stack details{border:1px solid var(--line);border-radius:8px;background:var(--card);overflow:hidden;
margin-bottom:.4rem}
.stack summary{padding:.45rem .9rem;cursor:pointer;overflow-wrap:anywhere}
.stack summary .file{margin-left:.5rem}
.preview{display:block;color:var(--soft);font-family:var(--mono);font-size:.8rem;white-space:nowrap;
overflow:hidden;
text-overflow:ellipsis;padding-left:1.1rem}
details[open]>summary>.preview{display:none}
.library>details{border-style:dashed;background:none}
.library>details>summary{color:var(--soft);font-size:.875rem}
.library .stack{padding:.2rem .6rem .3rem}
.linked{margin-top:2rem;padding-top:1rem;border-top:1px solid var(--line)}
.link{color:var(--soft);font-size:.9rem}
.group{list-style:none;margin:1rem 0 0;padding:0 0 0 .9rem;border-left:2px solid var(--line)}
.group>li>details>summary{cursor:pointer;font-weight:600;padding:.3rem 0;overflow-wrap:anywhere}
.plain{margin-top:1.5rem}.plain>summary{cursor:pointer;font-weight:600}
.plain pre{margin-top:.6rem;padding:.9rem;background:var(--card);border:1px solid var(--line);
border-radius:8px;
overflow-x:auto;max-height:32rem}
button{margin-top:.6rem;padding:.3rem .9rem;font:inherit;font-size:.875rem;color:inherit;
background:var(--card);
border:1px solid var(--line);border-radius:6px;cursor:pointer}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
footer{max-width:68rem;margin:0 auto;padding:1rem 1.5rem 2rem;color:var(--soft);font-size:.8rem}
@media (max-width:40rem){main{padding:1.1rem .8rem .5rem}h1{font-size:1.3rem}footer{padding:.8rem}
.code i{width:2.6rem;padding-right:.6rem}.place,.stack summary{padding-left:.7rem;padding-right:.7rem}}
"""

COPY_SCRIPT = """
(function(){
var button=document.getElementById("copy"),text=document.getElementById("text");
if(!button||!navigator.clipboard)return;
button.hidden=false;
button.addEventListener("click",function(){
navigator.clipboard.writeText(text.textContent).then(function(){button.textContent="Copied"},
function(){button.textContent="Copying was refused"})});
})();
"""

# One question at a time; a question that waits for a reload is answered by the new code. While the tab is
# hidden nothing is asked: it asks at once when it is seen again.
HEAL_SCRIPT = """
(function(){
var id=document.body.dataset.errorId,live=document.getElementById("live"),said=live.textContent;
var delay=1000,timer=0,asking=false;
live.hidden=false;
function later(){clearTimeout(timer);if(!document.hidden)timer=setTimeout(ask,delay)}
function ask(){
if(asking||document.hidden)return;
asking=true;
fetch(location.href,{method:"HEAD",cache:"no-store",redirect:"manual",headers:{"X-Pilotlight-Poll":id}})
.then(function(answer){
asking=false;
if(answer.headers.get("X-Error-Id")!==id){location.reload();return}
delay=1000;live.textContent=said;later()
},function(){
asking=false;delay=Math.min(delay*2,8000);
live.textContent="The server does not answer; is it still running? This page goes on asking.";later()
})}
document.addEventListener("visibilitychange",function(){if(!document.hidden){delay=1000;ask()}
else clearTimeout(timer)});
window.addEventListener("pageshow",function(event){if(event.persisted)location.reload()});
later();
})();
"""
