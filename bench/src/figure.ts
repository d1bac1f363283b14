import { median } from './statistics.js'

/** What data a figure was measured on. */
export interface Size {
  readonly feeds: number
  readonly messages: number
}

/** What another peer gave for the same work in the same run, or why it gave nothing. */
export type PeerSamples = { readonly samples: readonly number[] } | { readonly cannot: string }

/** The bound that no program here could pass, or what the figure is held against, from the same run. */
export interface Limit {
  /** "validation alone on all cores". */
  readonly what: string
  /** In the unit of the figure; one a sample where they were taken in turn. */
  readonly samples: readonly number[]
  /** A function of the data alone: one sample tells all. */
  readonly isExact?: boolean
}

/** Why nothing bounds a figure: "is a limit itself". */
export interface NoLimit {
  readonly none: string
}

/** One measured figure: every sample, and what it stands beside. */
export interface Figure {
  /** Names it across runs, with `size`: `import.rate`, `tangle.1000.warm`. */
  readonly id: string
  /** For people, without the size: "import". */
  readonly title: string
  /** `messages/s`, `ms`, `µs/message`, `bytes`, `MiB`; empty for a ratio. */
  readonly unit: string
  readonly better: 'more' | 'less'
  readonly size: Size
  /** Dunbar's, one a round; of calls that were timed one by one, the median of each round. At least one. */
  readonly samples: readonly number[]
  /** A function of the data alone, the same in every run: one sample tells all. */
  readonly isExact?: boolean
  /** All calls of all rounds, in the unit of the figure, for distributions. */
  readonly calls?: readonly number[]
  readonly limit: Limit | NoLimit
  /** By the name of the peer. */
  readonly peers?: Readonly<Record<string, PeerSamples>>
}

/** Figures that are a bound themselves stand beside nothing. */
export const isLimit: NoLimit = { none: 'is a limit itself' }

/** A bound that data alone give. */
export const exactLimit = (what: string, value: number): Limit => ({
  what,
  samples: [value],
  isExact: true,
})

/** Where there are as many of the others, the median of the ratios pair by pair, else the ratio of the medians. */
export function ratio(samples: readonly number[], others: readonly number[]): number {
  if (samples.length !== others.length) return median(samples) / median(others)
  return median(samples.map((sample, index) => sample / others[index]!))
}

/** Which figure it is and on what data; the same in every run. */
export const figureKey = ({ id, size }: Pick<Figure, 'id' | 'size'>): string =>
  `${id} ${size.feeds}/${size.messages}`
