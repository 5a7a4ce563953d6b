import { createHash } from 'node:crypto'

/** Colours meet WCAG AA (4.5:1) on their ground in both schemes; tone is never told by colour alone. */
const style = `
:root{color-scheme:light dark;--ground:#f6f6f4;--card:#fff;--ink:#17191c;--soft:#565c66;--line:#dcdde0;--code:#f0f0ee;
--danger:#b3261e;--danger-soft:#fdecea;--warning:#8a4b00;--warning-soft:#fdf1dd;--safe:#176639;--safe-soft:#e4f4ea;--calm:#3b4a63;--calm-soft:#e9edf4;
--out:#b3261e;--in:#1f5fa8;--active:#3b4a63;--silent:#d3d6db}
@media (prefers-color-scheme:dark){:root{--ground:#121417;--card:#1b1e23;--ink:#eceef1;--soft:#a8afba;--line:#343941;--code:#262a31;
--danger:#ff8f85;--danger-soft:#3a1c1a;--warning:#f5b95f;--warning-soft:#37290f;--safe:#6fd696;--safe-soft:#14301f;--calm:#a9bce0;--calm-soft:#212a3a;
--out:#ff8f85;--in:#7ab4f5;--active:#a9bce0;--silent:#3b414b}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:1060px;margin:0 auto;padding:0 24px}
header{padding-top:28px}
main>section{margin-top:36px}
h1{font-size:27px;line-height:1.2;margin:4px 0 18px;letter-spacing:-.01em}
h1 .mono{display:block;font-size:.82em;font-weight:600;margin-top:4px}
h2{font-size:17px;margin:0 0 10px}
h3{font-size:13px;margin:0 0 6px;color:var(--soft);font-weight:600}
p{margin:0 0 8px}
ul,ol{margin:0;padding-left:20px}
li+li{margin-top:4px}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.9em}
.over,.note{color:var(--soft);font-size:13px}
.over{margin:0}
.drill{background:var(--calm);color:var(--card);border-radius:8px;padding:8px 16px;margin-bottom:18px;font-weight:600}
.cards{display:grid;gap:16px;grid-template-columns:1fr 1fr}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;min-width:0}
.state{border-left:6px solid var(--tone);background:var(--tone-soft)}
.state .label{font-size:23px;line-height:1.2;font-weight:700;color:var(--tone);margin-bottom:6px}
.state ul{margin-top:8px;font-size:14px}
.state .gaps{margin:10px 0 0;font-weight:600}
.danger{--tone:var(--danger);--tone-soft:var(--danger-soft)}
.warning{--tone:var(--warning);--tone-soft:var(--warning-soft)}
.safe{--tone:var(--safe);--tone-soft:var(--safe-soft)}
.calm{--tone:var(--calm);--tone-soft:var(--calm-soft)}
.why{margin-top:16px}
.why ol{list-style:none;padding:0}
.why li{display:grid;grid-template-columns:52px 1fr;gap:8px;align-items:baseline}
.points{font-variant-numeric:tabular-nums;font-weight:700;text-align:right}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:12px 24px;margin:20px 0 0}
dt{font-size:13px;color:var(--soft)}
dd{margin:0}
pre{margin:8px 0 0;background:var(--code);border:1px solid var(--line);border-radius:6px;padding:9px 12px;white-space:pre-wrap;font-size:13px}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
.scroll:focus-visible{outline:2px solid var(--in)}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:8px 14px;border-top:1px solid var(--line)}
thead th{border-top:0;font-size:13px;color:var(--soft);font-weight:600;white-space:nowrap}
tbody th{font-weight:600;white-space:nowrap}
.scroll table{min-width:720px}
.cell{min-width:14em}
th .note{font-weight:400}
.narrow{white-space:nowrap;overflow-wrap:normal}
td ul{padding-left:16px}
td .note{margin-top:4px}
.chip{display:inline-block;border-radius:5px;padding:0 8px;font-size:13px;font-weight:600;color:var(--tone);background:var(--tone-soft);white-space:nowrap}
.chart{padding:16px 18px}
svg{display:block;width:100%;min-width:760px;height:auto}
svg text{font-size:12px;fill:var(--ink)}
svg .head{font-weight:600;fill:var(--soft)}
svg .tick{font-size:11px;fill:var(--soft)}
svg .peer{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:13px;font-weight:600}
svg .peer.small{font-size:9.5px}
svg .service{font-size:11px;fill:var(--soft)}
svg .grid{stroke:var(--line)}
svg .active{fill:var(--active)}
svg .silent{fill:var(--silent)}
svg .out{fill:var(--out)}
svg .in{fill:var(--in)}
svg line.cut{stroke:var(--danger);stroke-width:2;stroke-dasharray:4 3}
svg text.cut{fill:var(--danger);font-weight:700}
.timeline{list-style:none;padding:0;margin:0}
.timeline li{display:grid;grid-template-columns:72px 78px 14px minmax(0,1fr);gap:0 12px;margin:0;padding:5px 0;position:relative}
.timeline .at,.timeline .after{font-variant-numeric:tabular-nums;font-size:13px;padding-top:1px}
.timeline .after{color:var(--soft);text-align:right}
pre+.note,ul+.note{margin-top:12px}
.timeline .dot{width:11px;height:11px;border-radius:50%;background:var(--tone);border:2px solid var(--card);margin-top:6px;position:relative;z-index:1}
.timeline li:not(.day)::before{content:"";position:absolute;left:179px;top:0;bottom:0;border-left:2px solid var(--line)}
.timeline .day{display:block;font-size:13px;font-weight:600;color:var(--soft);padding:10px 0 4px}
.timeline b{font-weight:600}
footer{margin-top:36px;padding-bottom:40px;border-top:1px solid var(--line);padding-top:14px}
@media (max-width:760px){.cards{grid-template-columns:1fr}header,main,footer{padding-left:16px;padding-right:16px}h1{font-size:23px}
.timeline li{grid-template-columns:66px 14px minmax(0,1fr)}.timeline .after{display:none}.timeline li:not(.day)::before{left:83px}}
@media print{:root{color-scheme:light;--ground:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--code:#f4f4f4;
--danger:#9c1c15;--danger-soft:#fff;--warning:#7a4200;--warning-soft:#fff;--safe:#115530;--safe-soft:#fff;--calm:#2c3950;--calm-soft:#fff;
--out:#9c1c15;--in:#1f5fa8;--active:#2c3950;--silent:#ccc}
body{font-size:10.5pt}header,main,footer{max-width:none;padding-left:0;padding-right:0}main>section{margin-top:20pt}
.card,.scroll,tr,.timeline li{break-inside:avoid}h2{break-after:avoid}thead{display:table-header-group}.scroll{overflow:visible}
svg,.scroll table{min-width:0}table{font-size:9pt}th,td{padding:5px 8px}tbody th,.narrow{white-space:normal;overflow-wrap:break-word}*{print-color-adjust:exact}@page{margin:14mm}}
`

/** For the page's style element, as it stands there to the byte. */
export const styleText = style

/** The page may use this one style and nothing else, whatever stands in it. */
export const policyText = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`
