import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { constants, createBrotliCompress, createGzip } from 'node:zlib'

const NEWLINE = Buffer.from('\n')

/** What messages take as JSON lines, plain and compressed as one file. Holds no more than the compressors do. */
export class SizeComparison {
  #jsonBytes = 0
  #gzipBytes = 0
  #brotliBytes = 0
  readonly #gzip = createGzip({ level: 6 })
  readonly #brotli = createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })

  constructor() {
    this.#gzip.on('data', (chunk: Buffer) => {
      this.#gzipBytes += chunk.length
    })
    this.#brotli.on('data', (chunk: Buffer) => {
      this.#brotliBytes += chunk.length
    })
  }

  /** A message; its bytes must not change until `end` resolves. Resolves when more may be added. */
  async add(json: Uint8Array): Promise<void> {
    this.#jsonBytes += json.length + NEWLINE.length
    for (const compressor of [this.#gzip, this.#brotli]) {
      compressor.write(json)
      if (!compressor.write(NEWLINE)) await once(compressor, 'drain')
    }
  }

  /** The sizes of everything that was added, in bytes. */
  async end(): Promise<{ jsonBytes: number; gzipBytes: number; brotliBytes: number }> {
    await Promise.all(
      [this.#gzip, this.#brotli].map((compressor) => {
        compressor.end()
        return finished(compressor)
      }),
    )
    return {
      jsonBytes: this.#jsonBytes,
      gzipBytes: this.#gzipBytes,
      brotliBytes: this.#brotliBytes,
    }
  }
}
