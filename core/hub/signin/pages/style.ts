import { createHash } from 'node:crypto'

/** The stylesheet of the hub's own pages. It has no images or fonts, so it works under the strictest policy. */
export const stylesheet = `:root {
  color-scheme: light dark;
  --ground: light-dark(#f5f6f8, #101319);
  --card: light-dark(#ffffff, #181c24);
  --line: light-dark(#dfe3e9, #2b313d);
  --text: light-dark(#171b23, #e8ebf1);
  --quiet: light-dark(#5b6472, #9aa4b5);
  --accent: light-dark(#2451d6, #8fb0ff);
  --on-accent: light-dark(#ffffff, #0d1526);
  --wash: light-dark(#eef2fd, #1d2740);
  --warn: light-dark(#a3370c, #ffb08a);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--text); }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; }
a { color: var(--accent); }
header { display: flex; align-items: center; gap: .75rem; padding: 1rem 1.5rem; }
header .brand { display: flex; align-items: center; gap: .6rem; font-weight: 650; color: inherit; text-decoration: none; }
header .brand svg { width: 1.6rem; height: 1.6rem; color: var(--accent); }
header .cluster { color: var(--quiet); border-left: 1px solid var(--line); padding-left: .75rem; overflow-wrap: anywhere; }
main { flex: 1; width: 100%; max-width: 60rem; margin: 0 auto; padding: 1rem 1.5rem 3rem; }
main.narrow { max-width: 30rem; padding-top: 9vh; }
footer { padding: 1rem 1.5rem; color: var(--quiet); font-size: .85rem; text-align: center; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .75rem; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .9rem; padding: 1.75rem; box-shadow: 0 1px 2px rgb(0 0 0 / 6%); }
.row { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 1rem; }
.apps { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }
.apps li { display: flex; flex-direction: column; gap: .4rem; padding: 1.25rem; }
.apps h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
.apps p { margin: 0; font-size: .92rem; }
.apps .go { margin-top: auto; padding-top: .6rem; }
.tags { display: flex; flex-wrap: wrap; gap: .35rem; margin: .25rem 0; padding: 0; list-style: none; }
.apps .tags li, .tags li { display: inline; padding: .05rem .55rem; border-radius: 1rem; background: var(--wash); font-size: .8rem; overflow-wrap: anywhere; }
.tags li.off { color: var(--warn); }
.button, button { display: inline-block; font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
  padding: .55rem 1.1rem; border-radius: .55rem; border: 1px solid transparent; background: var(--accent); color: var(--on-accent); }
.button:hover, button:hover { filter: brightness(1.08); }
.danger, .button.danger { background: var(--warn); color: var(--on-accent); }
.button.plain, button.plain { background: transparent; color: var(--text); border-color: var(--line); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
.choices { list-style: none; padding: 0; margin: 1.25rem 0 0; display: grid; gap: .6rem; }
.choices .button { display: block; text-align: left; overflow-wrap: anywhere; }
code, .code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .95em; background: var(--wash); border-radius: .35rem; padding: .1rem .4rem; overflow-wrap: anywhere; }
.code { display: block; padding: .9rem 1rem; margin: 1rem 0; font-size: 1.05rem; user-select: all; }
.reference { margin: 1.25rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .88rem; color: var(--quiet); }
.reference code { user-select: all; }
.keys { list-style: none; margin: 1.25rem 0; padding: 0; border-top: 1px solid var(--line); }
.keys > li { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; padding: .9rem 0; border-bottom: 1px solid var(--line); }
.keys strong { overflow-wrap: anywhere; }
.keys p { margin: 0; font-size: .92rem; }
.keys input { margin-bottom: .35rem; }
.keys .tools { display: flex; gap: .5rem; }
.keys .tools button { padding: .3rem .8rem; font-size: .92rem; font-weight: 500; }
label { display: block; margin: 1.25rem 0 .35rem; font-weight: 600; }
input { width: 100%; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: .55rem; padding: .55rem .8rem; }
.status { min-height: 1.5em; margin: 1rem 0 0; color: var(--quiet); }
.status:empty { min-height: 0; margin: 0; }
.status.bad { color: var(--warn); }
[hidden] { display: none !important; }
@media (max-width: 32rem) {
  header, main, footer { padding-left: 1rem; padding-right: 1rem; }
  main.narrow { padding-top: 2rem; }
  .card { padding: 1.25rem; }
  .actions > *, .actions .button, .actions button { width: 100%; }
}
`

/** Path of the stylesheet. Its name changes with its content, so caches may keep it forever. */
export const stylesheetPath = `/web/assets/pages-${createHash('sha256').update(stylesheet).digest('hex').slice(0, 12)}.css`
