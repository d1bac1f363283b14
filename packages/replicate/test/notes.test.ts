import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeNote, isNoteReceiving, noteSequence, REFUSAL, readNote } from '../src/notes.js'

interface NoteCase {
  readonly sequence: number
  readonly receive: boolean
  readonly note: number
  readonly decoded: {
    readonly sequence: number
    readonly replicate: boolean
    readonly receive: boolean
  }
}

const { cases } = JSON.parse(
  readFileSync(
    new URL('../../../test/conformance/vectors/ebt-notes.json', import.meta.url),
    'utf8',
  ),
) as { cases: NoteCase[] }

describe('a note, as epidemic-broadcast-trees writes and reads it,', () => {
  it.each(cases)(
    'of sequence $sequence, receiving $receive, is $note',
    ({ sequence, receive, note, decoded }) => {
      expect(encodeNote(sequence, receive)).toBe(note)
      const read = readNote(note)
      expect(read).toBe(note)
      expect({
        sequence: noteSequence(read!),
        replicate: read !== REFUSAL,
        receive: isNoteReceiving(read!),
      }).toEqual(decoded)
    },
  )
})

describe('what is no note', () => {
  it.each([0.5, 2 ** 31, Number.NaN, '4', null, true, [4], {}, undefined])(
    'is not read: %s',
    (value) => {
      expect(readNote(value)).toBeNull()
    },
  )

  it('but any negative number says not to replicate', () => {
    expect(readNote(-7)).toBe(REFUSAL)
  })
})
