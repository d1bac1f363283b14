import { describe, expect, test } from 'vitest'
import { type Figure, isLimit } from '../src/figure.js'
import { picturePalette } from '../src/report/drawing.js'
import { pageOf } from '../src/report/page.js'
import { sectionsOf, throughputChart } from '../src/report/sections.js'
import { growthFigures, resultsOf } from './run-samples.js'

const thread: Figure = {
  id: 'tangle.400.warm',
  title: 'a thread of <400> & more',
  unit: 'ms',
  better: 'less',
  size: { feeds: 150, messages: 1000 },
  samples: [3, 3.1, 3.2],
  calls: Array.from({ length: 100 }, (_, index) => 2 + index / 50),
  limit: { what: 'parsing it', samples: [1.5, 1.5, 1.6] },
  peers: { 'ssb-db2': { samples: [12, 12.4, 12.8] }, 'ssb-db': { cannot: 'has no "tangles"' } },
}
const results = resultsOf([thread, ...growthFigures()])
const page = pageOf(results, [{ figure: thread.id, of: 'median', most: 3, why: '' }])

describe('the report', () => {
  test('is one file that asks for nothing and runs nothing', () => {
    expect(page).not.toMatch(/<script|<link rel="(?!icon" href="data:)|@import|url\(\s*["']?http/i)
    expect(page.match(/(?:src|href)="(?!data:|#)[^"]*"/g)).toBeNull()
  })

  test('has a section for each kind of figure that was measured', () => {
    expect(sectionsOf(results).map(({ title }) => title)).toEqual([
      'Throughput',
      'Beside other peers',
      'Beside the limit',
      'Latency',
      'Memory',
      'Disk',
      'Growth',
    ])
    expect(sectionsOf(resultsOf([]))).toEqual([])
  })

  test('a peer that cannot do the work has a dash and the reason', () => {
    expect(page).toContain('ssb-db: – (has no &quot;tangles&quot;)')
  })

  test('a figure without a limit has a dash and the reason, an exact one has no spread', () => {
    const exact = { ...thread, isExact: true, samples: [3], limit: isLimit }
    const row = pageOf(resultsOf([exact]), [])
    expect(row).toContain('<td>– (is a limit itself)</td>')
    expect(row).toContain('<td class="number">exact</td>')
  })

  test('a goal that is missed is printed as missed', () => {
    expect(page).toContain('≤ 3 <b class="missed">MISSED</b>')
    expect(page).toContain('Goals met: 0 of 1 that this run measured.')
  })

  test('text of results is never taken for markup', () => {
    expect(page).not.toContain('<400>')
    expect(page).not.toContain('<fast>')
    expect(page).toContain('a thread of &lt;400&gt; &amp; more')
  })

  test('every drawing has its text alternative and can be scaled', () => {
    const drawings = page.match(/<svg [^>]*>/g)!
    expect(drawings.length).toBeGreaterThan(6)
    for (const drawing of drawings) {
      expect(drawing).toContain('aria-label="')
      expect(drawing).toContain('viewBox="')
    }
    expect(page).not.toMatch(/NaN|undefined|Infinity/)
  })

  test('tells of many feeds and of every assumption', () => {
    expect(page).toContain('100,000,000 messages in 1,000,000 feeds')
    expect(page).toContain('<h3>Assumptions</h3>')
  })
})

test('the picture for a README brings its own colours, and is well-formed XML', () => {
  const { svg } = throughputChart(results.figures, picturePalette)!
  expect(svg).not.toContain('var(--')
  expect(svg).toContain('xmlns="http://www.w3.org/2000/svg"')
  const text = svg
    .replaceAll(/<!\[CDATA\[[\s\S]*?\]\]>/g, '')
    .replaceAll(/<\/?[a-z]+(?: [\w:-]+="[^"<]*")*\s*\/?>/gi, '')
  expect(text).not.toMatch(/[<>]/)
  expect(throughputChart([thread], picturePalette)).toBeNull()
})
