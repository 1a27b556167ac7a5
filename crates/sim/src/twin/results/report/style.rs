//! The page's styles: light and dark, one column or two, readable in print.

/// All rules.
pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#16202c;--soft:#5b6675;--line:#e1e5ea;
--grid:#eaedf1;--mark:#0b57d0;--good:#0a7d48;--bad:#c3352b;--heat:#0b57d0;
--c0:#0b57d0;--c1:#c2570c;--c2:#0a7d48;--c3:#b3266f;--c4:#6d3fc4;--c5:#0b7f92;--c6:#8a6d00;--c7:#5b6675}
@media (prefers-color-scheme:dark){:root{--ground:#0e131a;--card:#161d27;--ink:#e7ecf2;--soft:#98a4b3;
--line:#273142;--grid:#212a37;--mark:#7db0ff;--good:#58c896;--bad:#ff8a80;--heat:#6aa5ff;
--c0:#7db0ff;--c1:#f2a15f;--c2:#58c896;--c3:#f08bbf;--c4:#b59bf5;--c5:#5fcbdc;--c6:#dcc06a;--c7:#aab4c1}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:18px;margin:34px 0 12px}
h3{font-size:14.5px;margin:0}
p{margin:4px 0}
.sub{color:var(--soft)}
.badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:1px 10px;font-size:12.5px;color:var(--mark);margin-right:6px}
.badge.bad{color:var(--bad)}.badge.good{color:var(--good)}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0 4px}
.fact{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:8px 14px;min-width:104px}
.fact b{display:block;font-size:18px;font-variant-numeric:tabular-nums}
.fact span{color:var(--soft);font-size:12.5px}
.grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}
.grid.three{grid-template-columns:repeat(auto-fit,minmax(260px,1fr))}
@media (max-width:860px){.grid{grid-template-columns:minmax(0,1fr)}}
figure,.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px;margin:0}
figure.wide{grid-column:1/-1}
figcaption{display:flex;flex-direction:column;gap:1px;margin-bottom:6px}
figcaption span{color:var(--soft);font-size:12.5px}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:11px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
svg text.ink{fill:var(--ink)}
.gridline{stroke:var(--grid);stroke-width:1}
.axis{stroke:var(--line);stroke-width:1}
.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}
.limit{fill:none;stroke:var(--bad);stroke-width:1.4;stroke-dasharray:5 4}
.up{fill:none;stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}
.c0{stroke:var(--c0);--own:var(--c0)}.c1{stroke:var(--c1);--own:var(--c1)}
.c2{stroke:var(--c2);--own:var(--c2)}.c3{stroke:var(--c3);--own:var(--c3)}
.c4{stroke:var(--c4);--own:var(--c4)}.c5{stroke:var(--c5);--own:var(--c5)}
.c6{stroke:var(--c6);--own:var(--c6)}.c7{stroke:var(--c7);--own:var(--c7)}
.curve.c1{stroke-dasharray:7 3}.curve.c2{stroke-dasharray:2 2}.curve.c3{stroke-dasharray:9 3 2 3}
.curve.c5{stroke-dasharray:5 2}.curve.c6{stroke-dasharray:3 3}.curve.c7{stroke-dasharray:8 2 2 2}
.curve.r1{stroke-width:3.4;opacity:.6}.curve.r2{stroke-width:5;opacity:.45}.curve.r3{stroke-width:7;opacity:.35}
.fill{fill:var(--own);stroke:none}.fill.r1{opacity:.6}.fill.r2{opacity:.45}.fill.r3{opacity:.35}
.legend{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:4px 18px;margin:10px -20px 0;padding:8px 20px;list-style:none;background:var(--ground)}
.legend li{display:flex;align-items:center;gap:8px}
.legend svg{width:34px;height:10px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:6px 12px;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal}
thead th{color:var(--soft);font-weight:600;font-size:13px}
tbody tr:last-child td{border-bottom:0}
td.best{color:var(--good);font-weight:650}
td.bad{color:var(--bad);font-weight:650}
tr.group td{color:var(--soft);font-size:12.5px;padding-top:14px;border-bottom:1px solid var(--line)}
.heat path{fill:var(--heat);stroke:none}
.heat path.out{fill:var(--bad)}
.notes{color:var(--soft);font-size:13px}
.notes dt{color:var(--ink);font-weight:600;margin-top:8px}
.notes dd{margin:0}
@media print{body{background:#fff}figure,.card{break-inside:avoid}}
";
