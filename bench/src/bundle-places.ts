import { existsSync, readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RolldownOptions } from 'rolldown'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FOLDER = resolve(ROOT, 'packages/cli/bundle')

/** A place in a file, lines and columns from 0. */
export interface Place {
  /** Path or `file:` URL. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Tells where a place of the bundle was written: "packages/feed/src/log.ts:12". Others stay what they are. */
export async function sourcePlaces(): Promise<(place: Place) => string> {
  const maps = await bundleMaps()
  return ({ file, line, column }) => {
    let place = { file: file.startsWith('file:') ? fileURLToPath(file) : file, line, column }
    // From the bundle to what tsc compiled, and from there to TypeScript.
    for (let map = mapOf(place.file); map !== null; map = mapOf(place.file)) {
      const entry = map.findEntry(place.line, place.column)
      if (!('originalSource' in entry)) break
      const { originalSource, originalLine, originalColumn } = entry
      place = {
        file: resolve(place.file, '..', originalSource),
        line: originalLine,
        column: originalColumn,
      }
    }
    const path = place.file.startsWith(ROOT) ? relative(ROOT, place.file) : place.file
    return `${path}:${place.line + 1}`
  }

  function mapOf(file: string): SourceMap | null {
    const known = maps.get(file)
    if (known !== undefined) return known
    if (!file.endsWith('.js') || !existsSync(`${file}.map`)) return null
    const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')))
    maps.set(file, map)
    return map
  }
}

/** By path. Bundles once more, in memory: the program itself comes without maps. */
async function bundleMaps(): Promise<Map<string, SourceMap>> {
  const { rolldown } = await import('rolldown')
  const config = (await import(new URL('../../rolldown.config.js', import.meta.url).href)) as {
    readonly default: readonly (RolldownOptions & {
      readonly plugins: object[]
    })[]
  }
  const maps = new Map<string, SourceMap>()
  for (const options of config.default) {
    // What changes files once they are made moves no line.
    const plugins = options.plugins.filter((plugin) => !('generateBundle' in plugin))
    const bundle = await rolldown({ ...options, cwd: ROOT, plugins } as RolldownOptions)
    const { output } = await bundle.generate({ ...options.output, sourcemap: 'hidden' })
    await bundle.close()
    const [{ code, fileName, map }] = output
    const path = resolve(FOLDER, fileName)
    // Made before the last change of a file, the program has its lines elsewhere: they stay what they are.
    if (map === null || plain(code) !== plain(readFileSync(path, 'utf8'))) continue
    const payload = { ...map, version: 3 } as unknown as SourceMapPayload
    maps.set(path, new SourceMap(payload))
  }
  return maps
}

/** Without what is written in either of two ways. */
const plain = (code: string): string => code.replaceAll(/\\u[0-9a-f]{4}|[^\0-\x7f]/g, '')
