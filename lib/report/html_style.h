/* SPDX-License-Identifier: MIT */
/* html_style.h - what the page of html.h looks like; for html.c alone. */
#ifndef NT_REPORT_HTML_STYLE_H
#define NT_REPORT_HTML_STYLE_H

#define NT_HTML_STYLE                                                                          \
    ":root{--fg:#1c2330;--dim:#667085;--bg:#fff;--line:#e3e7ee;--box:#f5f7fa;--prune:#2563eb;" \
    "--train:#c2410c;--cut:#15803d;--quantize:#9333ea;--miss:#b42318}\n"                       \
    "@media(prefers-color-scheme:dark){:root{--fg:#e6e9ef;--dim:#98a2b3;--bg:#14181f;"         \
    "--line:#2c3440;--box:#1c222c;--prune:#7aa2ff;--train:#ff9a5c;--cut:#5ccf7f;"              \
    "--quantize:#c89bff;--miss:#ff7b6e}}\n"                                                    \
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);"            \
    "max-width:72rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}\n"                \
    "h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}\n"               \
    "p,figcaption,.dim{color:var(--dim)}figure{margin:0 0 1rem}"                               \
    ".miss,.rough{color:var(--miss)}\n"                                                        \
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;"             \
    "font-size:.9rem}\n"                                                                       \
    "th,td{padding:.25rem .7rem .25rem 0;border-bottom:1px solid var(--line);"                 \
    "text-align:left;vertical-align:top;white-space:nowrap}\n"                                 \
    "th:last-child,td:last-child{padding-right:.1rem}\n"                                       \
    "th{font-weight:600;color:var(--dim);font-size:.85rem}td.n,th.n{text-align:right}\n"       \
    "td.w{white-space:normal;min-width:11rem}\n"                                               \
    "tr.best{font-weight:600}tr.unmet td{color:var(--dim)}"                                    \
    ".wide{overflow-x:auto;max-width:100%}\n"                                                  \
    ".tiles{display:flex;flex-wrap:wrap;gap:.7rem;margin:1.2rem 0}\n"                          \
    ".tiles div{background:var(--box);border-radius:.5rem;padding:.6rem 1rem;flex:1 1 8rem}\n" \
    ".tiles b{display:block;font-size:1.5rem}.tiles span{color:var(--dim);font-size:.85rem}\n" \
    "pre{background:var(--box);padding:.8rem;border-radius:.5rem;overflow-x:auto;"             \
    "font-size:.85rem;overflow-wrap:normal}summary{cursor:pointer;color:var(--dim)}\n"         \
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));" \
    "gap:1rem}\n"                                                                              \
    ".chart{width:100%;height:auto}.chart text{font-size:12px;fill:var(--dim)}\n"              \
    "@media(max-width:40rem){.chart text{font-size:17px}}\n"                                   \
    ".mid{text-anchor:middle}.end{text-anchor:end}.grid{stroke:var(--line)}\n"                 \
    "path.target{stroke:var(--miss);stroke-dasharray:5 4}"                                     \
    ".chart text.target{fill:var(--miss)}\n"                                                   \
    ".front{fill:none;stroke:var(--dim);stroke-opacity:.7}\n"                                  \
    ".prune{--c:var(--prune)}.train{--c:var(--train)}.cut{--c:var(--cut)}"                     \
    ".quantize{--c:var(--quantize)}.reference{--c:var(--fg)}\n"                                \
    "svg g{fill:var(--bg);stroke:var(--c,var(--dim));stroke-width:1.6}"                        \
    "svg g.ok{fill:var(--c,var(--dim))}svg g.off{opacity:.55}"                                 \
    "svg g.rough{stroke-dasharray:2 2;fill-opacity:.35}.ring{fill:none;stroke:var(--fg)}\n"    \
    ".key span{margin-left:1rem;white-space:nowrap}"                                           \
    ".key svg{width:1rem;height:1rem;vertical-align:-.15rem}\n"                                \
    ".bar{display:block;width:100%;min-width:5rem;height:.4rem}.bar .was{fill:var(--line)}"    \
    ".bar .is{fill:var(--prune)}\n"

#endif
