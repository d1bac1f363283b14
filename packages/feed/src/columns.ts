/** Memory for columns: what a table keeps of one field of all its rows. */

export type Column = Uint8Array | Int8Array | Uint16Array | Uint32Array | Float64Array

/** "No row": the largest 32-bit number. */
export const NONE = 0xffffffff

/** A longer copy of a column. */
export function grown<Kind extends Column>(column: Kind, capacity: number): Kind {
  const made = new (column.constructor as new (length: number) => Kind)(capacity)
  made.set(column as never)
  return made
}

/** Numbers, all 0, in memory that other threads may read while this one writes. */
export const sharedColumn = (capacity: number): Uint32Array<SharedArrayBuffer> =>
  new Uint32Array(new SharedArrayBuffer(capacity * Uint32Array.BYTES_PER_ELEMENT))

/** A longer copy of a shared column; those who read the old one see it as it was. */
export function grownShared(
  column: Uint32Array<SharedArrayBuffer>,
  capacity: number,
): Uint32Array<SharedArrayBuffer> {
  const made = sharedColumn(capacity)
  made.set(column)
  return made
}

/** Room for the rows that are needed, and by half as much again as there was, so that copying stays a fraction of filling. */
export function nextCapacity(capacity: number, needed: number): number {
  return Math.max(needed, capacity + (capacity >>> 1), 64)
}

/** A hash index doubles when more of its slots are in use: beyond, runs of full slots grow fast. */
export const MOST_FULL = 0.7

/** Whether a hash index may have so many slots for so many entries: a power of two, with room. */
export function isSlotCount(slotCount: number, entryCount: number): boolean {
  const isPowerOfTwo = slotCount >= 64 && (slotCount & (slotCount - 1)) === 0
  return isPowerOfTwo && entryCount <= slotCount * MOST_FULL
}
