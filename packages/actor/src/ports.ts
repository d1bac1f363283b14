/**
 * The seams. Everything that an actor takes from the machine comes through these interfaces, so
 * that a whole node can run in memory, under a virtual clock, with faults put in.
 */

/** Wall and monotonic time. */
export interface Clock {
  /** Wall time in ms since 1970, with fractions where the machine has them. May jump. */
  now(): number
  /** Milliseconds since some fixed point; never goes back. Deadlines and intervals use it. */
  monotonic(): number
}

/** One-shot timers on monotonic time. */
export interface Timers {
  /** Runs `run` once, `delayMs` from now. The returned function takes that back; calling it late does nothing. */
  set(delayMs: number, run: () => void): () => void
}

/** Decides when the next turn of a scheduler runs: `setImmediate` in production, a queue in simulation. */
export interface Turns {
  /** Runs `run` in a later turn of the thread, after input that is already waiting. */
  soon(run: () => void): void
  /** Runs `run` at the end of this turn, before the thread waits again. */
  endOfTurn(run: () => void): void
}

/** Random numbers; seeded in simulation. */
export interface Random {
  /** A float in [0, 1). */
  next(): number
  /** `length` random bytes; cryptographically strong in production. */
  bytes(length: number): Uint8Array
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/** Where log lines go. `data` is plain and holds no secret, key bytes or message content. */
export interface Logger {
  log(level: LogLevel, room: string, text: string, data?: Readonly<Record<string, unknown>>): void
}

/** One open file. Positions and lengths are in bytes. All calls but `sync` block the thread shortly. */
export interface FileHandle {
  /** Reads up to `length` bytes at `position` into `target` at `offset`; returns how many there were. */
  read(target: Uint8Array, offset: number, length: number, position: number): number
  /**
   * Writes all of `bytes` at `position`.
   * @throws {FS_SHORT_WRITE} where the file took only a part, which on Linux is how a full disk begins
   */
  write(bytes: Uint8Array, position: number): void
  truncate(sizeBytes: number): void
  sizeBytes(): number
  /** Resolves when the content is on the disk. A failure must never be answered by another sync of the same file. */
  sync(): Promise<void>
  close(): void
}

/** `read`: must exist; `readWrite`: made where missing; `createNew`: must not exist (code EEXIST). */
export type OpenMode = 'read' | 'readWrite' | 'createNew'

/** The file system as the node uses it. Errors carry Node's `code` (`ENOENT`, `ENOSPC`, `EACCES`, …). */
export interface FileSystem {
  open(path: string, mode: OpenMode, permissions?: number): FileHandle
  readFile(path: string): Uint8Array
  /** Names in a folder, unsorted. */
  list(path: string): string[]
  /** Null where there is nothing. */
  stat(path: string): { readonly sizeBytes: number; readonly isFolder: boolean } | null
  /** Makes a folder and those above it; an existing one is fine. */
  makeFolder(path: string): void
  rename(from: string, to: string): void
  /** Removes a file or an empty folder. */
  remove(path: string): void
  /** Resolves when the names in the folder are on the disk. */
  syncFolder(path: string): Promise<void>
}

/** The ports of one thread. */
export interface Ports {
  readonly clock: Clock
  readonly timers: Timers
  readonly turns: Turns
  readonly random: Random
  readonly fs: FileSystem
  readonly logger: Logger
}
