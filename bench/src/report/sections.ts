import type { Figure } from '../figure.js'
import { ratio } from '../figure.js'
import { type GrowthLine, growthOf, growthText } from '../growth/lines.js'
import type { Results } from '../results.js'
import { median, percentile } from '../statistics.js'
import { shortNumber } from '../table.js'
import {
  type Bar,
  type Distribution,
  drawBars,
  drawDistributions,
  drawLines,
  drawRatios,
  type Line,
} from './chart-kinds.js'
import { type Palette, pagePalette } from './drawing.js'

/** A chart on its page. */
export interface Chart {
  readonly title: string
  readonly svg: string
  /** One sentence below it; empty where there is nothing to say. */
  readonly note: string
}

export interface Section {
  readonly title: string
  readonly text: string
  readonly charts: readonly Chart[]
  /** What could not be drawn, each with its reason. */
  readonly dashes: readonly string[]
}

type Kind = Pick<Figure, 'id' | 'unit'>

/** Rows of one drawing; more are drawn as the next, so that none is longer than a page. */
const ROWS = 8

/** Everything of a run that can be drawn. What was not measured has no section. */
export function sectionsOf({ figures, subjects }: Results): readonly Section[] {
  const lines = growthOf(figures)
  const drawn = new Set(lines.map(({ id }) => id))
  // What is drawn against its size needs no bar for each size.
  const others = figures.filter(({ id }) => !drawn.has(id))
  const isMemory = ({ id, unit }: Kind) =>
    unit === 'MiB' || (unit === 'bytes' && /\b(memory|passivated)\b/.test(id))
  const isDisk = ({ id, unit }: Kind) => /^bytes/.test(unit) && /\b(disk|size)\b/.test(id)
  return [
    throughputSection(figures),
    peerSection(figures, subjects),
    limitSection(others),
    latencySection(others),
    {
      title: 'Memory',
      text: 'Resident memory of the whole process, as the system counts it.',
      charts: [
        ...barCharts('Memory', others.filter(isMemory)),
        ...lines.filter(isMemory).map(growthChart),
      ],
      dashes: [],
    },
    {
      title: 'Disk',
      text: 'What messages and feeds take on the disk: as files of whole blocks where nothing else is said.',
      charts: [
        ...barCharts('Disk', others.filter(isDisk)),
        ...lines.filter(isDisk).map(growthChart),
      ],
      dashes: [],
    },
    {
      title: 'Growth',
      text: 'Every other cost against the number of feeds or of messages, with the model that fits it, dashed: constant, logarithmic or linear.',
      charts: lines.filter((line) => !isDisk(line) && !isMemory(line)).map(growthChart),
      dashes: [],
    },
  ].filter(({ charts, dashes }) => charts.length + dashes.length > 0)
}

/** Messages a second against feeds; one line for each figure that was measured at two sizes or more. */
export function throughputChart(figures: readonly Figure[], palette: Palette): Chart | null {
  const lines = linesAgainstFeeds(
    figures.filter(({ unit, size }) => unit === 'messages/s' && size.feeds > 0),
  )
  if (lines.length === 0) return null
  return {
    title: 'Messages a second, by the number of feeds',
    svg: drawLines(
      {
        label: 'Messages a second against the number of feeds',
        xName: 'feeds',
        yName: 'messages a second',
        lines,
      },
      palette,
    ),
    note: '',
  }
}

function throughputSection(figures: readonly Figure[]): Section {
  const chart = throughputChart(figures, pagePalette)
  return {
    title: 'Throughput',
    text: 'The same number of messages in more and more feeds. A flat line is what the design promises.',
    charts: chart === null ? [] : [chart],
    dashes: [],
  }
}

/** At the number of messages that most sizes of a figure share. */
function linesAgainstFeeds(figures: readonly Figure[]): readonly Line[] {
  return [...new Set(figures.map(({ id }) => id))].flatMap((id) => {
    const all = figures.filter((figure) => figure.id === id)
    const groups = [...new Set(all.map(({ size }) => size.messages))].map((messages) =>
      all.filter(({ size }) => size.messages === messages),
    )
    const largest = groups.sort((a, b) => b.length - a.length)[0]!
    if (new Set(largest.map(({ size }) => size.feeds)).size < 2) return []
    const points = largest
      .map(({ size, samples }) => [size.feeds, median(samples)] as const)
      .sort(([a], [b]) => a - b)
    return [{ name: all[0]!.title, points }]
  })
}

function peerSection(
  figures: readonly Figure[],
  subjects: Readonly<Record<string, string>>,
): Section {
  const { nameOf, note } = namesOf(figures.filter(({ peers }) => peers !== undefined))
  const names = [...new Set(figures.flatMap(({ peers = {} }) => Object.keys(peers)))]
  const bars = figures.flatMap((figure) =>
    names.flatMap((name, series): Bar[] => {
      const theirs = figure.peers?.[name]
      if (theirs === undefined || 'cannot' in theirs) return []
      const times = ratio(figure.samples, theirs.samples)
      const value = figure.better === 'more' ? times : 1 / times
      if (!(value > 0) || !Number.isFinite(value)) return []
      return [
        { name: `${nameOf(figure)} · ${name}`, value, text: `${shortNumber(value)} ×`, series },
      ]
    }),
  )
  const reasons = new Map<string, string[]>()
  for (const { title, peers = {} } of figures) {
    for (const [name, theirs] of Object.entries(peers)) {
      if (!('cannot' in theirs)) continue
      const reason = `${name}: – (${theirs.cannot})`
      reasons.set(reason, [...new Set([...(reasons.get(reason) ?? []), title])])
    }
  }
  return {
    title: 'Beside other peers',
    text: `Measured in turn on the same messages and cores. To the right of the line dunbar does more, or takes less: 2 × is twice as many a second, or half the time, CPU or memory.${names.length === 0 ? '' : ` ${names.map((name) => subjects[name] ?? name).join('; ')}.`}`,
    charts: inPages(bars).map((page, index, { length }) => ({
      title: `How many times better than the peer${partText(index, length)}`,
      svg: drawRatios('Ratios to other peers', 'times better than the peer', page, pagePalette),
      note: index === 0 ? note : '',
    })),
    dashes: [...reasons].map(([reason, titles]) => `${titles.join(', ')} · ${reason}`),
  }
}

function limitSection(figures: readonly Figure[]): Section {
  const { nameOf, note } = namesOf(figures.filter(({ limit }) => !('none' in limit)))
  const bars = figures.flatMap((figure): Bar[] => {
    if ('none' in figure.limit) return []
    const value = ratio(figure.samples, figure.limit.samples)
    if (!(value > 0) || !Number.isFinite(value)) return []
    return [
      {
        name: `${nameOf(figure)} · ${figure.limit.what}`,
        value,
        text: `${shortNumber(value)} ×`,
        series: figure.better === 'more' ? 0 : 1,
      },
    ]
  })
  return {
    title: 'Beside the limit',
    text: 'Each figure over what bounds it, or what it is held against, from the same run. Blue is a rate, orange a cost: above 1 × by what is spent beside the bound.',
    charts: inPages(bars).map((page, index, { length }) => ({
      title: `Ratio to the limit${partText(index, length)}`,
      svg: drawRatios('Ratios to limits', 'times the limit', page, pagePalette),
      note: index === 0 ? note : '',
    })),
    dashes: [],
  }
}

function latencySection(figures: readonly Figure[]): Section {
  const timed = figures.filter(({ unit, calls = [] }) => unit === 'ms' && calls.length > 0)
  const { nameOf, note } = namesOf(timed)
  const distributions = timed.flatMap((figure): Distribution[] => {
    const calls = figure.calls!.filter((call) => call > 0)
    if (calls.length < 5) return []
    const [least, low, middle, high, most] = [1, 25, 50, 75, 99].map((share) =>
      percentile(calls, share),
    )
    return [{ name: nameOf(figure), percentiles: [least!, low!, middle!, high!, most!], series: 0 }]
  })
  return {
    title: 'Latency',
    text: 'All calls of all rounds. The box holds the middle half of them, its line is the median; the arms reach from the 1st to the 99th percentile.',
    charts: inPages(distributions).map((page, index, { length }) => ({
      title: `Time of a call${partText(index, length)}`,
      svg: drawDistributions('Distributions of the times of calls', 'ms', page, pagePalette),
      note: index === 0 ? note : '',
    })),
    dashes: [],
  }
}

/** One for each unit. */
function barCharts(title: string, figures: readonly Figure[]): readonly Chart[] {
  return [...new Set(figures.map(({ unit }) => unit))].flatMap((unit) => {
    const measured = figures.filter((figure) => figure.unit === unit)
    const { nameOf, note } = namesOf(measured)
    const bars = measured.map((figure) => ({
      name: nameOf(figure),
      value: median(figure.samples),
      text: shortNumber(median(figure.samples)),
      series: 0,
    }))
    return inPages(bars).map((page, index, { length }) => ({
      title: `${title}, ${unit}${partText(index, length)}`,
      svg: drawBars(title, unit, page, pagePalette),
      note: index === 0 ? note : '',
    }))
  })
}

function growthChart(line: GrowthLine): Chart {
  return {
    title: `${line.title}, by ${line.axis}`,
    svg: drawLines(
      {
        label: `${line.title} against ${line.axis}`,
        xName: line.axis,
        yName: line.unit,
        lines: [{ ...modelLine(line), isModel: true }, measuredLine(line)],
      },
      pagePalette,
    ),
    note: growthText(line).slice(line.title.length + 1),
  }
}

const measuredLine = ({ title, points }: GrowthLine): Line => ({
  name: title,
  points: points.map(({ size, costs }) => [size, median(costs)]),
})

const MODEL_STEPS = 40

/** In many steps: a straight line is bent on a logarithmic axis. */
function modelLine({ points, fit }: GrowthLine): Line {
  const [from, to] = [Math.log(points[0]!.size), Math.log(points.at(-1)!.size)]
  return {
    name: 'model',
    points: Array.from({ length: MODEL_STEPS + 1 }, (_, step) => {
      const size = Math.exp(from + ((to - from) * step) / MODEL_STEPS)
      const x = fit.growth === 'logarithmic' ? Math.log(size) : size
      return [
        size,
        Math.max(0, fit.base + (fit.growth === 'constant' ? 0 : fit.slope * x)),
      ] as const
    }),
  }
}

interface Names {
  readonly nameOf: (figure: Figure) => string
  /** The size that names leave out. */
  readonly note: string
}

/** Titles, with the size where it is not the one that most of them have. */
function namesOf(figures: readonly Figure[]): Names {
  const counts = new Map<string, number>()
  for (const { size } of figures) {
    if (size.feeds > 0) counts.set(sizeText(size), (counts.get(sizeText(size)) ?? 0) + 1)
  }
  const usual = [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
  return {
    nameOf: ({ title, size }) =>
      size.feeds === 0 || sizeText(size) === usual ? title : `${title} (${sizeText(size)})`,
    note: usual === undefined ? '' : `${usual}, where nothing else is said.`,
  }
}

const sizeText = ({ feeds, messages }: Figure['size']): string =>
  `${short(messages)} messages in ${short(feeds)} feeds`

const short = (count: number): string =>
  count >= 1e6
    ? `${shortNumber(count / 1e6)}M`
    : count >= 10_000
      ? `${shortNumber(count / 1000)}k`
      : count.toLocaleString('en-US')

function inPages<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / ROWS)
  const each = Math.ceil(items.length / count)
  return Array.from({ length: count }, (_, page) => items.slice(page * each, (page + 1) * each))
}

const partText = (index: number, length: number): string =>
  length === 1 ? '' : ` (${index + 1} of ${length})`
