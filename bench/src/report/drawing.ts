import { BarChart, BoxplotChart, LineChart } from 'echarts/charts'
import { GridComponent, MarkLineComponent } from 'echarts/components'
import { type EChartsCoreOption, init, use } from 'echarts/core'
import { LabelLayout } from 'echarts/features'
import { SVGRenderer } from 'echarts/renderers'

use([BarChart, BoxplotChart, LineChart, GridComponent, MarkLineComponent, LabelLayout, SVGRenderer])

/** Colours of a drawing, as CSS says them. */
export interface Palette {
  /** Behind letters that lie on lines. */
  readonly page: string
  readonly ink: string
  readonly faint: string
  readonly grid: string
  readonly series: readonly string[]
}

/** Follows the page: light, dark or printed. */
export const pagePalette: Palette = {
  page: 'var(--page)',
  ink: 'var(--ink)',
  faint: 'var(--faint)',
  grid: 'var(--grid)',
  series: ['var(--one)', 'var(--two)', 'var(--three)', 'var(--four)', 'var(--five)', 'var(--six)'],
}

/** Middle tones, for a picture that lies on white or on dark and does not know on which. */
export const picturePalette: Palette = {
  page: 'none',
  ink: '#7a8490',
  faint: '#7a8490',
  grid: '#7a849055',
  series: ['#3b82d6', '#d9730d', '#2f9e69', '#c4449b', '#8b6fd8', '#9a8412'],
}

/** As wide as the text of a phone, so that no size of letters is scaled below legibility. */
export const CHART_WIDTH = 380
/** Without quotes, which the drawing would carry into its attributes as they are. */
const FONT = 'system-ui, -apple-system, Segoe UI, Roboto, Liberation Sans, sans-serif'

/** A drawing as one `<svg>`, without script; it takes the width it is given. */
export function draw(
  option: EChartsCoreOption,
  { ink }: Palette,
  height: number,
  label: string,
): string {
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: CHART_WIDTH,
    height,
  })
  chart.setOption({
    animation: false,
    silent: true,
    textStyle: { fontFamily: FONT, fontSize: 12, color: ink },
    ...option,
  })
  const svg = chart.renderToSVGString({ useViewBox: true })
  chart.dispose()
  return withLabel(svg, label)
}

/** Without the styles for a pointer above: a drawing is as still on a screen as on paper. */
const withLabel = (svg: string, label: string): string =>
  svg
    .replace(/^<svg /, `<svg role="img" aria-label="${escapeText(label)}" `)
    .replaceAll(/ ecmeta_[a-z_]+="[^"]*"/g, '')
    .replaceAll(/ class="zr[^"]*"/g, '')
    .replaceAll(/<style\s*>[\s\S]*?<\/style>\s*/g, '')

/** For text and attributes of HTML and SVG. */
export const escapeText = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
