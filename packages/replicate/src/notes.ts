/**
 * Notes: one integer a feed. -1 = not with this peer; else the sequence that the sender holds, shifted
 * by one, with the low bit set where it wants only to be told of news, not to be sent messages.
 * @source protocol digest 3.3
 */

/** "Do not replicate this feed with me." */
export const REFUSAL = -1
/** Notes are 32-bit numbers with one bit for the wish. */
export const MAX_NOTE_SEQUENCE = 2 ** 30 - 1
const MAX_NOTE = 2 ** 31 - 1

/** The note for a feed that is held up to `sequence`; -1 stays -1. */
export function encodeNote(sequence: number, isReceiving: boolean): number {
  if (sequence < 0) return REFUSAL
  return (Math.min(sequence, MAX_NOTE_SEQUENCE) << 1) | (isReceiving ? 0 : 1)
}

/**
 * A note as it came: -1 for every negative whole number, null for what is no note (fractions, what
 * does not fit in 31 bits, anything but numbers).
 */
export function readNote(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isInteger(value) || value > MAX_NOTE) return null
  return value < 0 ? REFUSAL : value
}

/** The sequence in a note that was read; -1 for a refusal. */
export const noteSequence = (note: number): number => note >> 1

/** Whether the sender of a note wants messages. */
export const isNoteReceiving = (note: number): boolean => note >= 0 && (note & 1) === 0
