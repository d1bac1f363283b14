import { MAX_SEQUENCE } from '@dunbar/core'
import { type FrameWriter, MAX_MESSAGE_BYTES } from './frame.js'
import type { AppendEntry } from './shard-store.js'
import { StoreError } from './store-error.js'

const KEY_BYTES = 32

/**
 * Writes a run of messages as frames. Checks first that each can be stored and that those in the
 * chain follow each other from `headSequence` on.
 * @throws {STORE_ENTRY_INVALID}
 */
export function encodeEntries(
  writer: FrameWriter,
  entries: readonly AppendEntry[],
  headSequence: number,
): Uint8Array {
  writer.clear()
  let head = headSequence
  for (const { sequence, received, keyBytes, compact, inChain } of entries) {
    if (!Number.isInteger(sequence) || sequence < 1 || sequence > MAX_SEQUENCE) {
      throw invalid('a sequence is a whole number from 1 on', sequence)
    }
    if (!Number.isFinite(received)) throw invalid('the arrival is no number', sequence)
    if (keyBytes.length !== KEY_BYTES) throw invalid('a key has 32 bytes', sequence)
    if (compact.length === 0 || compact.length > MAX_MESSAGE_BYTES) {
      throw invalid(`a message has 1 to ${MAX_MESSAGE_BYTES} bytes`, sequence)
    }
    if (inChain) {
      if (sequence !== head + 1) throw invalid('the message does not follow the head', sequence)
      head = sequence
    }
    writer.push(sequence, received, keyBytes, compact)
  }
  return writer.view()
}

const invalid = (text: string, sequence: number) =>
  new StoreError('STORE_ENTRY_INVALID', text, { sequence })
