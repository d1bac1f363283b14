import type { EChartsCoreOption } from 'echarts/core'
import { shortNumber } from '../table.js'
import { CHART_WIDTH, draw, type Palette } from './drawing.js'

/** Values against a size; one line each. */
export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Drawn thin, without points and without a name. */
  readonly isModel?: boolean
}

export interface LinesChart {
  readonly label: string
  readonly xName: string
  readonly yName: string
  readonly lines: readonly Line[]
}

const AXIS_FONT = 12

/** Lines over a logarithmic axis of sizes, from zero, each named at its end. */
export function drawLines({ label, xName, yName, lines }: LinesChart, palette: Palette): string {
  const named = lines.filter(({ isModel }) => isModel !== true)
  const isNamed = named.length > 1
  const option: EChartsCoreOption = {
    grid: { left: 58, right: isNamed ? 96 : 28, top: 34, bottom: 46 },
    xAxis: {
      ...axis(palette),
      type: 'log',
      name: xName,
      nameLocation: 'middle',
      nameGap: 28,
      splitLine: { show: false },
      axisLine: { show: true, lineStyle: { color: palette.faint } },
      axisLabel: { color: palette.faint, fontSize: AXIS_FONT, formatter: grouped },
    },
    yAxis: {
      ...axis(palette),
      type: 'value',
      min: 0,
      name: yName,
      nameTextStyle: {
        color: palette.faint,
        fontSize: AXIS_FONT,
        align: 'left',
        padding: [0, 0, 0, -50],
      },
      splitNumber: 4,
    },
    series: lines.map(({ name, points, isModel }) => {
      const color = isModel
        ? palette.faint
        : palette.series[named.findIndex((line) => line.name === name) % palette.series.length]
      return {
        type: 'line',
        name,
        data: points.map((point) => [...point]),
        symbol: 'circle',
        symbolSize: isModel ? 0 : 7,
        showSymbol: isModel !== true,
        lineStyle: { color, width: isModel ? 1.2 : 2, type: isModel ? 'dashed' : 'solid' },
        itemStyle: { color },
        endLabel: {
          show: isNamed && isModel !== true,
          formatter: name,
          color,
          fontSize: AXIS_FONT,
          width: 88,
          overflow: 'break',
          textBorderColor: palette.page,
          textBorderWidth: 3,
        },
        labelLayout: { moveOverlap: 'shiftY' },
      }
    }),
  }
  return draw(option, palette, 260, label)
}

export interface Bar {
  readonly name: string
  readonly value: number
  /** What stands beside the bar. */
  readonly text: string
  /** Which colour. */
  readonly series: number
}

const FOOT = 44
/** Letters of a name in one line. */
const LINE_LETTERS = 48
const LINE_HEIGHT = 13

/** High enough for the longest name above what is drawn in the middle of a row. */
function heightOf(names: readonly string[]): number {
  const lines = Math.ceil(Math.max(...names.map(({ length }) => length)) / LINE_LETTERS)
  return names.length * (lines * LINE_HEIGHT + 24) + FOOT + 6
}

/** As reckoned without the letters at hand; fonts differ by a tenth. */
const NAME_WIDTH = CHART_WIDTH * 0.83

/** Bars of one unit from zero, each with its name above it. */
export function drawBars(
  label: string,
  xName: string,
  bars: readonly Bar[],
  palette: Palette,
): string {
  const option: EChartsCoreOption = {
    grid: { left: 8, right: 60, top: 6, bottom: FOOT },
    xAxis: { ...axis(palette), type: 'value', min: 0, splitNumber: 4, ...below(xName) },
    yAxis: rows(
      bars.map(({ name }) => name),
      palette,
    ),
    series: [barSeries(bars, palette, ({ value }) => value)],
  }
  return draw(option, palette, heightOf(bars.map(({ name }) => name)), label)
}

/** Bars of ratios to both sides of 1, on a logarithmic axis: twice and half are equally long. */
export function drawRatios(
  label: string,
  xName: string,
  bars: readonly Bar[],
  palette: Palette,
): string {
  const logs = bars.map(({ value }) => Math.log10(value))
  const least = Math.min(-0.1, ...logs)
  const most = Math.max(0.1, ...logs)
  const room = (most - least) * 0.28
  const ticks = ratioTicks(least, most)
  const option: EChartsCoreOption = {
    grid: { left: 8, right: 12, top: 6, bottom: FOOT },
    xAxis: {
      ...axis(palette),
      type: 'value',
      min: least < -0.1 ? least - room : least,
      max: most + room,
      ...below(xName),
      axisLabel: {
        color: palette.faint,
        fontSize: AXIS_FONT,
        customValues: ticks.map(Math.log10),
        formatter: (value: number) => `${shortNumber(10 ** value)} ×`,
      },
      axisTick: { show: false, customValues: ticks.map(Math.log10) },
      splitLine: { show: false },
    },
    yAxis: rows(
      bars.map(({ name }) => name),
      palette,
    ),
    series: [
      {
        ...barSeries(bars, palette, ({ value }) => Math.log10(value)),
        markLine: {
          z: 1,
          symbol: 'none',
          label: { show: false },
          lineStyle: { color: palette.ink, width: 1.5, type: 'solid' },
          data: [{ xAxis: 0 }],
        },
      },
    ],
  }
  return draw(option, palette, heightOf(bars.map(({ name }) => name)), label)
}

function ratioTicks(least: number, most: number): number[] {
  const steps = most - least > 2.2 ? [1] : most - least > 0.9 ? [1, 3] : [1, 1.5, 2, 3, 5, 7]
  const ticks = []
  for (let power = Math.floor(least) - 1; power <= most; power++) {
    for (const step of steps) {
      const tick = step * 10 ** power
      if (Math.log10(tick) >= least - 1e-9 && Math.log10(tick) <= most + 1e-9) ticks.push(tick)
    }
  }
  return ticks
}

export interface Distribution {
  readonly name: string
  /** 1st, 25th, 50th, 75th and 99th percentile. */
  readonly percentiles: readonly [number, number, number, number, number]
  readonly series: number
}

/** A box from the first to the third quarter of all calls, its middle line, and arms to the 1st and 99th percentile. */
export function drawDistributions(
  label: string,
  xName: string,
  distributions: readonly Distribution[],
  palette: Palette,
): string {
  const names = distributions.map(
    ({ name, percentiles }) =>
      `${name}: ${shortNumber(percentiles[2])}, 99 % within ${shortNumber(percentiles[4])}`,
  )
  const option: EChartsCoreOption = {
    grid: { left: 8, right: 16, top: 6, bottom: FOOT },
    xAxis: {
      ...axis(palette),
      type: 'log',
      ...below(xName),
      axisLabel: { color: palette.faint, fontSize: AXIS_FONT, formatter: grouped },
    },
    yAxis: rows(names, palette),
    series: [
      {
        type: 'boxplot',
        boxWidth: [9, 9],
        data: distributions.map(({ percentiles, series }) => {
          const color = palette.series[series % palette.series.length]
          return {
            value: [...percentiles],
            itemStyle: { color: 'transparent', borderColor: color, borderWidth: 2 },
          }
        }),
      },
    ],
  }
  return draw(option, palette, heightOf(names), label)
}

/** Names of rows stand above what is drawn, so that long ones have the whole width. */
function rows(names: readonly string[], palette: Palette): object {
  return {
    type: 'category',
    inverse: true,
    data: [...names],
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: {
      inside: true,
      margin: 2,
      color: palette.ink,
      fontSize: AXIS_FONT,
      verticalAlign: 'bottom',
      padding: [0, 0, 8, 0],
      textBorderColor: palette.page,
      textBorderWidth: 3,
      lineHeight: LINE_HEIGHT,
      width: NAME_WIDTH,
      overflow: 'break',
      interval: 0,
    },
    z: 10,
  }
}

const barSeries = (
  bars: readonly Bar[],
  palette: Palette,
  lengthOf: (bar: Bar) => number,
): object => ({
  type: 'bar',
  barWidth: 9,
  data: bars.map((bar) => ({
    value: lengthOf(bar),
    itemStyle: { color: palette.series[bar.series % palette.series.length] },
    label: {
      show: true,
      position: lengthOf(bar) < 0 ? 'left' : 'right',
      formatter: bar.text.replaceAll(/[{}]/g, ''),
      color: palette.ink,
      fontSize: AXIS_FONT,
      textBorderColor: palette.page,
      textBorderWidth: 3,
    },
  })),
})

const axis = (palette: Palette): object => ({
  nameTextStyle: { color: palette.faint, fontSize: AXIS_FONT },
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { color: palette.faint, fontSize: AXIS_FONT },
  splitLine: { lineStyle: { color: palette.grid } },
})

const below = (name: string): object => ({ name, nameLocation: 'middle', nameGap: 26 })

const grouped = (value: number): string => value.toLocaleString('en-US')
