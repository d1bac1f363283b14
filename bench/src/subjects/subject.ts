import type { Dataset } from '../dataset.js'

/** The programs that are measured. Dunbar is always there; the others once `npm run bench:peers` has run. */
export const subjectNames = ['dunbar', 'ssb-db2', 'ssb-db'] as const
export type SubjectName = (typeof subjectNames)[number]

/** A question that more than one subject can answer. */
export type Query =
  | { readonly kind: 'get'; readonly key: string }
  /** The whole feed in the order of its sequence. */
  | { readonly kind: 'feed'; readonly id: string }
  /** All messages of a type, in any order. */
  | { readonly kind: 'type'; readonly type: string }
  /** All messages of an author, in any order. */
  | { readonly kind: 'author'; readonly id: string }
  | { readonly kind: 'tangle'; readonly root: string }
  /** Messages that have a link to this feed, key or blob in `mentions`. */
  | { readonly kind: 'mentions'; readonly target: string }

export interface Answer {
  /** From the call until the last message is a parsed object at the caller. */
  readonly ms: number
  readonly messages: number
  /** SHA-256, hex, of the sorted keys with newlines between: the same for all subjects. */
  readonly digest: string
}

/** The last message of a feed. */
export interface Head {
  readonly key: string | null
  /** 0: nothing of this feed is held. */
  readonly sequence: number
}

/** Thrown, or given to the caller, where a subject has no such thing; the report prints the reason. */
export class Cannot extends Error {}

export interface Load {
  readonly messages: number
  readonly seconds: number
}

export interface StartOptions {
  /** Base64, 32 bytes; peers that are to meet have the same. Default: the main network's. */
  readonly networkKey?: string
  /** More environment, for settings that only one subject has. */
  readonly environment?: NodeJS.ProcessEnv
}

/** One of the programs, as a user would run it: in a process of its own, with validation on. */
export interface Subject {
  readonly name: SubjectName
  /** "ssb-db2 8.1.0 with ssb-ebt 9.1.2". */
  readonly version: string
  /** Takes all messages of a file into an empty folder, each checked, until they are on disk and indexed. */
  load(dataset: Dataset, path: string): Promise<Load>
  start(path: string, options?: StartOptions): Promise<RunningSubject>
}

export interface RunningSubject {
  readonly name: SubjectName
  readonly path: string
  readonly id: string
  /** Multiserver address on loopback. */
  readonly address: string
  /** From the start of the process until it answers, ms. */
  readonly readyMs: number
  readonly process: MeasuredProcess
  /** Signs and appends; resolves once the subject says that it is there. */
  publish(content: object): Promise<{ readonly key: string; readonly ms: number }>
  /** The same, all at once; the time is that until the last is there. */
  publishAll(
    contents: readonly object[],
  ): Promise<{ readonly keys: readonly string[]; readonly ms: number }>
  /** @throws {Cannot} a question of a kind that it has no answer to */
  ask(query: Query): Promise<Answer>
  /** Replicates these feeds with whoever connects. */
  request(ids: readonly string[]): Promise<void>
  connect(address: string): Promise<void>
  /** Resolves when so many messages are held in all. */
  holdsInAll(messages: number): Promise<void>
  /** Resolves when this feed is held up to this sequence. */
  holds(id: string, sequence: number): Promise<void>
  /** The last message of each of these feeds. */
  heads(ids: readonly string[]): Promise<readonly Head[]>
  stop(): Promise<void>
}

/** A process seen from outside, by what the system says of it. */
export interface MeasuredProcess {
  readonly pid: number
  /** Resident, bytes. */
  residentBytes(): number
  /** The most that was ever resident. */
  peakBytes(): number
  /** All threads, user and system, ms; in steps of 10. */
  cpuMs(): number
  fileHandles(): number
}
