/** Of the report page: its colours follow the reader's setting, and nothing is told by colour alone. */
export const STYLE: string = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --card: #f6f8fa; --line: #d0d7de;
  --good: #1a7f37; --bad: #b42318; --known: #8a5a00; --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4ae; --paper: #0d1117; --card: #161b22;
  --line: #30363d; --good: #4cc763; --bad: #ff8a80; --known: #e3b341; --link: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; max-width: 44rem; }
a { color: var(--link); }
.soft { color: var(--soft); }
.verdict { font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); } .known { color: var(--known); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px;
  /* A shadow at the right edge while there is more to the right. */
  background: linear-gradient(to left, var(--paper) 30%, transparent) 100% 0 / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--soft), transparent) 100% 0 / .4rem 100% no-repeat scroll; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { padding: .4rem .6rem; text-align: left; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; background: var(--card); }
tbody th { font-weight: 500; overflow-wrap: anywhere; }
.sticky tbody th, .sticky thead th:first-child { position: sticky; left: 0; background: var(--paper); min-width: 7rem; }
.sticky thead th:first-child { background: var(--card); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
thead .number { min-width: 5.5rem; }
.number svg { display: block; margin: .25rem 0 0 auto; }
tr.all th, tr.all td { border-top-width: 2px; font-weight: 600; }
.drivers { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: .75rem; padding: 0;
  list-style: none; }
.drivers li { border: 1px solid var(--line); border-radius: 6px; background: var(--card); padding: .75rem; }
.drivers h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
.drivers p { margin: .25rem 0 0; font-size: .875rem; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; background: var(--paper); }
details details { margin: .5rem; }
summary { cursor: pointer; padding: .5rem .75rem; min-height: 2.75rem; background: var(--card); border-radius: 6px; }
summary .soft { margin-left: .5rem; }
details ul { margin: 0; padding: .5rem .75rem .5rem 1.75rem; font-size: .875rem; }
details li { margin: .25rem 0; overflow-wrap: anywhere; }
details > .wide { border: 0; border-radius: 0; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
code { font: .85em ui-monospace, monospace; }
`;
