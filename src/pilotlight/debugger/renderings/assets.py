"""The style of the error page, as a constant: the page must not depend on other files.

Colours are pairs of the light and the dark theme; each text keeps a contrast of 4.5:1 (WCAG 2.1, 1.4.3).
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#1d1b19;--soft:#655f59;--line:#e6e1da;
--accent:#b83a08;--here:#fff2e8;--mark:#ffd9ba;--code:#faf8f5;--number:#756d65;
--comment:#6f6860;--string:#38612e;--keyword:#85358a;--digit:#1b588f;
--good:#eef6ee;--goodline:#4d7c4f;--warn:#8a5a00;
--mono:ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){:root{--bg:#171614;--card:#1f1d1b;--ink:#ece7e1;--soft:#a8a198;
--line:#37332f;--accent:#ff9a5c;--here:#33231a;--mark:#6b3a15;--code:#1a1917;--number:#9d958c;
--comment:#a59d94;--string:#a5cc8f;--keyword:#dba0e0;--digit:#8dc0f0;
--good:#1c2a1d;--goodline:#8fc592;--warn:#e5b567}}
*{box-sizing:border-box}
html{scroll-padding:1rem;-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 var(--sans);
border-top:4px solid var(--accent)}
main{max-width:66rem;margin:0 auto;padding:1.75rem 1.5rem 1rem}
p,dl,dd,ol,pre{margin:0}ol{padding:0;list-style:none}
a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:.2em}
[hidden]{display:none!important}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.gone{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.soft,small{color:var(--soft)}small{font-weight:400;font-size:.8125rem}
.kind{color:var(--soft);font-size:.875rem;overflow-wrap:anywhere}
.ask{display:inline-block;font-family:var(--mono);font-size:.8125rem;margin-left:.35rem;padding:.1rem .5rem;
border:1px solid var(--line);border-radius:5px;background:var(--card);color:var(--ink)}
h1,h2,h3,h4,h5,h6{margin:0;font-weight:600;line-height:1.3;overflow-wrap:anywhere}
h1{margin-top:.6rem;font-size:1.65rem;text-wrap:balance}h2{font-size:1.15rem}h3,h4,h5,h6{font-size:1rem}
h1.long{font-size:1.1rem}
.type{display:block;color:var(--accent);font:600 1rem var(--mono)}
.type small{color:inherit;font-size:.9em}h2 .type,h3 .type,h4 .type{font-size:.9rem}
.message{white-space:pre-wrap}
.long .message{display:block;font:400 .875rem/1.55 var(--mono);max-height:18rem;overflow:auto}
.why{margin-top:.5rem;color:var(--soft);overflow-wrap:anywhere}.why a{color:var(--ink)}
.suggestion,.note{margin-top:.75rem;padding:.45rem .8rem;border-left:3px solid var(--goodline);
background:var(--good);border-radius:0 6px 6px 0;white-space:pre-wrap;overflow-wrap:anywhere}
.note{border-color:var(--line);background:var(--card)}
.live{margin-top:.5rem;font-size:.8125rem;color:var(--soft);overflow-wrap:anywhere}
.quiet{color:var(--soft);font-size:.8125rem;padding:.35rem 1rem}main>.quiet{padding:.6rem 0 0}
.focus{margin-top:1rem;border:1px solid var(--line);border-radius:10px;background:var(--card);
box-shadow:0 1px 3px #0000000d;overflow:hidden}
.focus:focus{outline:0}.focus.current,.stack .current{border-color:var(--accent)}
.place{padding:.6rem 1rem;font:400 .875rem/1.5 var(--sans);border-bottom:1px solid var(--line)}
.file,.function{font-family:var(--mono);font-size:.8125rem;overflow-wrap:anywhere}
.file b,.function{font-weight:600}.line{color:var(--accent)}
code,pre,kbd{font-family:var(--mono);font-size:.8125rem;tab-size:4}
.code{background:var(--code);overflow-x:auto;padding:.45rem 0;font:.8125rem/1.65 var(--mono);tab-size:4}
.code li{white-space:pre;width:max-content;min-width:100%;padding-right:1rem;
border-left:3px solid transparent}
.code li::before{content:counter(list-item);display:inline-block;width:3.4rem;padding-right:1.1rem;
text-align:right;color:var(--number)}
.code .here{background:var(--here);border-left-color:var(--accent)}
.code i{font-style:normal}.c{color:var(--comment)}.s{color:var(--string)}.k{color:var(--keyword)}
.n,.d{color:var(--digit)}
mark{background:var(--mark);color:inherit;border-radius:2px;box-shadow:0 2px var(--accent)}
.variables{padding:.5rem 1rem .6rem;border-top:1px solid var(--line)}
.variables .quiet{padding-left:0}
.vars{display:grid;grid-template-columns:fit-content(13rem) minmax(0,1fr);column-gap:1.1rem;row-gap:.12rem;
align-items:baseline}
.vars dt{font:.8125rem/1.6 var(--mono);color:var(--soft);overflow-wrap:anywhere;min-width:3.5rem}
.vars .used{color:var(--ink);font-weight:600}
.vars dd{min-width:0;font-size:.8125rem;line-height:1.6}
.vars code{white-space:pre-wrap;overflow-wrap:anywhere}
.vars .vars{margin:.1rem 0 .35rem .3rem;padding-left:.8rem;border-left:2px solid var(--line)}
.vars summary{overflow-wrap:anywhere}
.masked{color:var(--soft)}.lazy{color:var(--soft);font-style:italic}
.broken{color:var(--warn)}
summary{cursor:pointer}summary::marker{color:var(--soft)}
.rest>summary{font-size:.8125rem;color:var(--soft);padding:.15rem 0}
.do{display:flex;flex-wrap:wrap;gap:.3rem .9rem;align-items:center;padding:.45rem 1rem;
border-top:1px solid var(--line);font-size:.8125rem}
.bar{display:flex;flex-wrap:wrap;gap:.4rem .5rem;align-items:center;margin-top:1rem;font-size:.8125rem}
.jump{display:flex;flex-wrap:wrap;gap:.2rem .9rem;margin-left:auto}
button{padding:.25rem .75rem;font:inherit;font-size:.8125rem;color:inherit;background:var(--card);
border:1px solid var(--line);border-radius:6px;cursor:pointer}
button:hover{border-color:var(--soft)}
button.main{margin-top:.6rem;padding:.45rem 1.1rem;font-size:.9375rem;font-weight:600;color:var(--card);
background:var(--accent);border-color:var(--accent)}
.bar .shown:not(:empty){all:unset;position:fixed;right:1rem;bottom:1rem;max-width:calc(100vw - 2rem);
padding:.5rem .9rem;border-radius:8px;background:var(--ink);color:var(--bg);z-index:1}
.title{margin:1.9rem 0 .55rem}.title small{margin-left:.3rem}
section>.title{font-size:1.05rem}
.stack details,.above{border:1px solid var(--line);border-radius:8px;background:var(--card);overflow:hidden;
margin-bottom:.35rem}
.stack summary,.above{padding:.42rem 1rem;overflow-wrap:anywhere}
.above{display:block;text-decoration:none}
.stack .variables details{border:0;border-radius:0;margin:0;background:none;overflow:visible}
.stack .variables summary{padding:0}
.stack details>.code,.stack details>.variables:first-of-type{border-top:1px solid var(--line)}
.function+.file{margin-left:.45rem}
.preview{display:block;color:var(--soft);white-space:nowrap;overflow:hidden;text-overflow:ellipsis;
padding-left:1.1rem}
details[open]>summary>.preview{display:none}
.library>details{border-style:dashed;background:none}
.library>details>summary{color:var(--soft);font-size:.8125rem}
.library .stack{padding:.1rem .5rem .15rem}
.linked{margin-top:2rem;padding-top:1.1rem;border-top:1px solid var(--line)}
.link{color:var(--soft);font-size:.875rem}
.group>li{margin-top:.5rem;padding-left:.9rem;border-left:2px solid var(--line)}
.group summary{overflow-wrap:anywhere}.group>li>details>summary{font-weight:600}
.times{margin-left:.4rem;padding:.05rem .5rem;border-radius:1rem;background:var(--mark);font-size:.75rem;
font-weight:600}
.url{font:.8125rem/1.6 var(--mono);overflow-wrap:anywhere}.facts,.empty{color:var(--soft);font-size:.875rem;
overflow-wrap:anywhere}.facts{margin-bottom:.5rem}
.empty b{color:var(--ink);font-weight:400;margin-right:.4rem}
.table,.empty{border-top:1px solid var(--line);padding:.35rem 0}
.table>summary,.empty{font-size:.875rem}.table>.vars,.table>pre{padding:.35rem 0 .5rem 1.1rem}
.table .quiet{padding-left:1.1rem}
.table>pre,.plain pre{white-space:pre-wrap;overflow-wrap:anywhere}
.timeline li{display:grid;grid-template-columns:4.6rem 4.6rem minmax(0,1fr);padding:.18rem 0;
border-top:1px solid var(--line);font-size:.8125rem;align-items:baseline}
.timeline .at{color:var(--soft);font-variant-numeric:tabular-nums;text-align:right;padding-right:1rem}
.timeline b{font-weight:600;font-size:.75rem}.log{color:var(--soft)}.sql{color:var(--digit)}
.warning{color:var(--warn)}.error{color:var(--accent)}
.said{overflow-wrap:anywhere}.said code{white-space:pre-wrap}
.plain{margin-top:1.9rem}.plain .title{margin-top:0}.plain h2{display:inline;font-size:1.05rem}
.plain pre{margin-top:.6rem;padding:.8rem 1rem;background:var(--card);border:1px solid var(--line);
border-radius:8px;max-height:32rem;overflow:auto;line-height:1.55}
.console{height:20rem;min-height:8rem;max-height:80vh;resize:vertical;overflow:hidden;padding-bottom:10px;
border-top:1px solid var(--line)}
.console iframe{display:block;width:100%;height:100%;border:0}
kbd{padding:.05rem .4rem;border:1px solid var(--line);border-bottom-width:2px;border-radius:4px;
background:var(--card)}
#keys{padding:.2rem .35rem}
dialog{max-width:min(24rem,90vw);padding:1.2rem 1.5rem;color:var(--ink);background:var(--card);
border:1px solid var(--line);border-radius:10px;box-shadow:0 10px 40px #0004}
dialog::backdrop{background:#0006}
dialog dl{display:grid;grid-template-columns:2.5rem 1fr;gap:.35rem .6rem;margin:.8rem 0 1rem}
footer{max-width:66rem;margin:0 auto;padding:1rem 1.5rem 2rem;color:var(--soft);font-size:.8125rem}
@media (max-width:40rem){main{padding:1.1rem .8rem .5rem}h1{font-size:1.25rem}footer{padding:.8rem}
.code li::before{width:2.5rem;padding-right:.6rem}.jump{margin-left:0;width:100%;order:1}
#keys{display:none}.ask{margin-left:0}
.place,.variables,.do,.stack summary,.above{padding-left:.7rem;padding-right:.7rem}
.vars{column-gap:.8rem;grid-template-columns:fit-content(8rem) minmax(0,1fr)}
.vars .vars{margin-left:0;padding-left:.5rem}
.timeline li{grid-template-columns:4rem minmax(0,1fr)}.said{grid-column:1/-1}.timeline .at{text-align:left}}
@media print{.bar,.do,.live,button{display:none}}
"""
