import type { Figure } from '../figure.js'
import { type Goal, goalsOf, judge } from '../goals.js'
import { growthLines } from '../growth/lines.js'
import { type Reckoning, reckon } from '../growth/reckoning.js'
import type { Results } from '../results.js'
import { median } from '../statistics.js'
import { besideLimit, besidePeers, goalText, shortNumber, spreadText, verdict } from '../table.js'
import { escapeText } from './drawing.js'
import { type Section, sectionsOf } from './sections.js'
import { style } from './style.js'

/** The report of a run: one HTML file that needs nothing else, neither network nor script. */
export function pageOf(results: Results, goals: readonly Goal[]): string {
  const parts = [
    headerOf(results, goals),
    ...sectionsOf(results).map(sectionText),
    growthText(results.figures),
    reckoningText(reckon(results)),
    tableText(results.figures, goals),
    dataText(results),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>dunbar: benchmarks of ${escapeText(results.at.slice(0, 10))}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
${parts.filter((part) => part !== '').join('\n')}
</main>
</body>
</html>
`
}

function headerOf(
  { at, commit, node, machine, run, subjects, figures }: Results,
  goals: readonly Goal[],
): string {
  const judged = figures
    .flatMap((figure) => goalsOf(figure, goals).map((goal) => judge(figure, goal)))
    .filter(({ isMet }) => isMet !== null)
  const met = judged.filter(({ isMet }) => isMet === true)
  const facts = [
    `${machine.cores} cores of ${machine.cpu}, ${shortNumber(machine.memoryBytes / 2 ** 30)} GiB, ${machine.system}`,
    `Node ${node.replace(/^v/, '')}${run.cores === null ? '' : `, all pinned to processors ${run.cores}`}`,
    Object.values(subjects).join('; '),
    `commit ${commit.slice(0, 12)}${commit.includes(' ') ? commit.slice(commit.indexOf(' ')) : ''}, ${at.slice(0, 16).replace('T', ' ')} UTC, ${run.isFull ? 'full' : 'short'} run of ${run.seconds} s`,
  ]
  return `<h1>dunbar: benchmarks</h1>
<ul class="facts">${facts.map((fact) => `<li>${escapeText(fact)}</li>`).join('')}</ul>
<p>Every figure is the median of its rounds, or exact where the data alone give it; ratios are those of pairs from this run.${judged.length === 0 ? '' : ` Goals met: ${met.length} of ${judged.length} that this run measured.`}</p>`
}

const sectionText = ({ title, text, charts, dashes }: Section): string => `<section>
<h2>${escapeText(title)}</h2>
<p>${escapeText(text)}</p>
<div class="charts">
${charts
  .map(
    (chart) =>
      `<figure><figcaption>${escapeText(chart.title)}</figcaption>${chart.svg}${chart.note === '' ? '' : `<p class="note">${escapeText(chart.note)}</p>`}</figure>`,
  )
  .join('\n')}
</div>
${dashes.length === 0 ? '' : `<ul class="dashes">${dashes.map((dash) => `<li>${escapeText(dash)}</li>`).join('')}</ul>`}
</section>`

function growthText(figures: readonly Figure[]): string {
  const lines = growthLines(figures)
  if (lines.length === 0) return ''
  return `<section>
<h2>Growth in a line each</h2>
<ul>${lines.map((line) => `<li>${escapeText(line)}</li>`).join('\n')}</ul>
</section>`
}

function reckoningText(reckoning: Reckoning | null): string {
  if (reckoning === null) return ''
  const { demand, needs, machines, assumptions } = reckoning
  const count = (value: number) => value.toLocaleString('en-US')
  return `<section>
<h2>${count(demand.messages)} messages in ${count(demand.feeds)} feeds</h2>
<p>Reckoned from the growth figures of this run, not measured: ${machines === 1 ? 'one machine like this one holds them' : `it takes ${count(machines)} machines like this one`}.</p>
<div class="wide"><table>
<thead><tr><th>need</th><th class="number">one machine alone</th><th class="number">may take</th><th class="number">machines</th><th>how</th></tr></thead>
<tbody>${needs
    .map(
      ({ what, amount, unit, each, machines: many, how }) =>
        `<tr><td>${what}</td><td class="number">${shortNumber(amount)} ${unit}</td><td class="number">${shortNumber(each)} ${unit}</td><td class="number">${count(many)}</td><td>${escapeText(how)}</td></tr>`,
    )
    .join('\n')}</tbody>
</table></div>
<h3>Assumptions</h3>
<ol>${assumptions.map((each) => `<li>${escapeText(each)}</li>`).join('\n')}</ol>
</section>`
}

function tableText(figures: readonly Figure[], goals: readonly Goal[]): string {
  return `<section>
<h2>All figures</h2>
<div class="wide"><table>
<thead><tr><th>figure</th><th class="number">feeds</th><th class="number">messages</th><th class="number">median</th><th class="number">min … max</th><th>peers</th><th>limit</th><th>goal</th></tr></thead>
<tbody>${figures.map((figure) => rowText(figure, goals)).join('\n')}</tbody>
</table></div>
</section>`
}

function rowText(figure: Figure, goals: readonly Goal[]): string {
  const { title, unit, size, samples } = figure
  const judged = goalsOf(figure, goals).map((goal) => {
    const word = verdict(judge(figure, goal))
    return `${escapeText(goalText(goal))} <b class="${word.replace(' ', '-').toLowerCase()}">${word}</b>`
  })
  return `<tr><td>${escapeText(title)}</td><td class="number">${size.feeds.toLocaleString('en-US')}</td><td class="number">${size.messages.toLocaleString('en-US')}</td><td class="number">${shortNumber(median(samples))} ${escapeText(unit)}</td><td class="number">${spreadText(figure)}</td><td>${besidePeers(figure).map(escapeText).join('<br>')}</td><td>${escapeText(besideLimit(figure))}</td><td>${judged.join('<br>')}</td></tr>`
}

function dataText({ datasets }: Results): string {
  return `<section>
<h2>Data</h2>
<div class="wide"><table>
<thead><tr><th class="number">feeds</th><th class="number">messages</th><th>spread</th><th class="number">seed</th><th class="number">MiB of JSON</th><th>SHA-256</th></tr></thead>
<tbody>${datasets
    .map(
      ({ feeds, messages, population, seed, sizeBytes, digest }) =>
        `<tr><td class="number">${feeds.toLocaleString('en-US')}</td><td class="number">${messages.toLocaleString('en-US')}</td><td>${escapeText(population)}</td><td class="number">${seed}</td><td class="number">${shortNumber(sizeBytes / 2 ** 20)}</td><td><code>${escapeText(digest.slice(0, 16))}…</code></td></tr>`,
    )
    .join('\n')}</tbody>
</table></div>
</section>`
}
