/** Light and dark as the reader has it; on paper always light, and no chart or row is cut in two. */
export const style = `
:root {
  --page: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #d8dee4; --good: #116329; --bad: #b3261e;
  --one: #0f62c4; --two: #bc5a00; --three: #1a7f4e; --four: #b0268f; --five: #6f4bd0; --six: #7a6500;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --ink: #e6edf3; --faint: #9aa5b1; --grid: #2b323a; --good: #56d364; --bad: #ff7b72;
    --one: #6cb0ff; --two: #ff9e4a; --three: #4fd18b; --four: #ee85d4; --five: #b39bff; --six: #d9c14a;
  }
}
@media print {
  :root {
    --page: #ffffff; --ink: #000000; --faint: #444444; --grid: #d0d0d0; --good: #116329; --bad: #b3261e;
    --one: #0f62c4; --two: #bc5a00; --three: #1a7f4e; --four: #b0268f; --five: #6f4bd0; --six: #7a6500;
  }
  @page { size: A4; margin: 14mm; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
main { max-width: 1440px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; margin: 2rem 0 0.25rem; padding-top: 0.75rem; border-top: 1px solid var(--grid); }
h3 { font-size: 1rem; margin: 1rem 0 0.25rem; }
p, ul, ol { margin: 0.25rem 0 0.75rem; max-width: 75ch; overflow-wrap: anywhere; }
li { margin: 0.15rem 0; }
.facts { list-style: none; padding: 0; color: var(--faint); font-size: 0.9rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 24px; align-items: start; }
figure { margin: 0; max-width: 460px; }
figcaption { font-weight: 600; font-size: 0.95rem; margin-bottom: 4px; }
figure svg { display: block; width: 100%; height: auto; }
.note, .dashes { font-size: 0.85rem; color: var(--faint); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 4px 10px 4px 0; border-bottom: 1px solid var(--grid); }
th { color: var(--faint); font-weight: 600; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.number:last-child { padding-right: 0; }
.met { color: var(--good); }
.missed { color: var(--bad); }
@media screen and (max-width: 760px) {
  .wide td, .wide th { min-width: 72px; }
  .wide td:first-child, .wide th:first-child { min-width: 150px; }
}
@media print {
  html { font-size: 10pt; }
  body { font-size: 1rem; }
  main { max-width: none; padding: 0; }
  .charts { grid-template-columns: 1fr 1fr; gap: 5mm; }
  figure, p, tr, li { break-inside: avoid; }
  h2, h3, figcaption, section > p { break-after: avoid; }
  h2 { margin-top: 6mm; }
  .wide { overflow: visible; }
  table { font-size: 7pt; }
  th, td { padding: 1mm 2mm 1mm 0; }
  .number { white-space: normal; }
}
`
