import { readFileSync } from 'node:fs'
import { availableParallelism, homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ArchiveSettings } from '@dunbar/archiver'
import { CodedError } from '@dunbar/core'
import * as v from 'valibot'
import { usualOpenFiles } from './open-files.js'

/**
 * Where a setting comes from, strongest first: flags (what the caller of `loadConfig` gives), the
 * environment (`DUNBAR_*`), the file `<path>/config.json`, the defaults.
 */

const logLevel = v.picklist(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
const count = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most))
const someText = v.pipe(v.string(), v.nonEmpty())
const key32 = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, '32 bytes in base64'),
)

const configSchema = v.strictObject({
  /** Worker threads that host feed actors. Default: one a core. Another number than at the last start folds the indexes again. */
  shards: v.optional(count(1, 64)),
  /** Feed logs that may be open at once, in all. Default 256. */
  openFiles: v.optional(count(8, 65_536)),
  /** Bytes of messages that each shard keeps in memory. Default 16 MiB. */
  cacheBytes: v.optional(count(0, 4 * 2 ** 30)),
  /** An idle feed actor gives its memory back after this. Default 30,000. */
  passivateAfterMs: v.optional(count(100, 86_400_000)),
  /** How messages lie on the disk: the oldest of a feed in blocks, a third of the size. */
  archive: v.optional(
    v.strictObject({
      /** Whether idle feeds are packed by themselves, a block of 1,024 messages at a time. Default false. */
      seal: v.optional(v.boolean()),
      /** The newest messages of a feed that stay out of blocks. Default 16. */
      keepMessages: v.optional(count(0, 1_000_000)),
      /** A feed with fewer messages to pack is left as it is. Default 64. */
      minMessages: v.optional(count(1, 1_000_000)),
    }),
  ),
  caps: v.optional(
    v.strictObject({
      /** Network key. Default: the main network's. */
      shs: v.optional(key32),
      /** Signing key of a separate network (HMAC). Default: none. */
      sign: v.optional(v.nullable(key32)),
    }),
  ),
  logging: v.optional(
    v.strictObject({
      /** Default `info`. */
      level: v.optional(logLevel),
      /** Levels of single rooms, for example `{ "feed": "debug" }`. */
      rooms: v.optional(v.record(v.string(), logLevel)),
      /** `auto`: pretty on a terminal, JSON otherwise. */
      format: v.optional(v.picklist(['auto', 'pretty', 'json'])),
    }),
  ),
  api: v.optional(
    v.strictObject({
      /** Clients on the socket at once. Default 64. */
      connections: v.optional(count(1, 4096)),
    }),
  ),
  network: v.optional(
    v.strictObject({
      /** Whether peers may connect. Default true. */
      listen: v.optional(v.boolean()),
      /** Address of this machine to listen on. Default `::`, which is all. */
      host: v.optional(someText),
      /** TCP port, 0 for any. Default 8008, or any where that is taken. */
      port: v.optional(count(0, 65_535)),
      /** Names or addresses under which others reach this node, for invites. Default: none. */
      external: v.optional(
        v.union([
          v.array(someText),
          v.pipe(
            someText,
            v.transform((name) => [name]),
          ),
        ]),
      ),
      /** Whether known peers are dialled unasked. Default true. */
      autoconnect: v.optional(v.boolean()),
      /** Whether peers at private addresses are dialled unasked, and invites may name them. Default false. */
      allowPrivate: v.optional(v.boolean()),
      /** Announces itself on the local network and looks for others there. Default true. */
      lan: v.optional(v.boolean()),
      /** Address to bind for the local network. Default: all. */
      lanHost: v.optional(someText),
      /** Where announcements go. Default: the broadcast address of each network. */
      lanBroadcast: v.optional(someText),
      /** UDP port of encrypted announcements. Default 26830. */
      lanPort: v.optional(count(1, 65_535)),
      /** UDP port of plain announcements; null does without. Default 8008. */
      lanLegacyPort: v.optional(v.nullable(count(1, 65_535))),
    }),
  ),
  replication: v.optional(
    v.strictObject({
      /** Feeds up to so many follows away are replicated. Default 2. */
      hops: v.optional(count(0, 10)),
      /** Replicated feeds in all, the nearest first. Default: no limit. */
      feeds: v.optional(v.nullable(count(1, 10_000_000))),
      /** Bytes of all replicated feeds; further ones are not begun above it. Default: no limit. */
      bytes: v.optional(v.nullable(count(1, Number.MAX_SAFE_INTEGER))),
    }),
  ),
  archiveMessages: v.optional(
    v.strictObject({
      /** Seconds between two looks whether the own feed is to be archived; 0 for never, the default. */
      intervalSeconds: v.optional(count(0, 14 * 86_400)),
      /** Fewer messages than these are not archived. Default 1,024, which is the least. */
      minMessages: v.optional(count(1024, 2 ** 30 - 1)),
      /** The newest messages, which are left out. Default 1,024. */
      keepMessages: v.optional(count(0, 2 ** 30 - 1)),
    }),
  ),
})

/** What may stand in `config.json`. */
export type ConfigFile = v.InferOutput<typeof configSchema>

export type ConfiguredLogLevel = v.InferOutput<typeof logLevel>

/** A node's settings, complete. */
export interface Config {
  /** The data folder, absolute. */
  readonly path: string
  readonly shards: number
  readonly openFiles: number
  readonly cacheBytes: number
  readonly passivateAfterMs: number
  readonly archive: {
    readonly seal: boolean
    readonly keepMessages: number
    readonly minMessages: number
  }
  readonly caps: { readonly shs: string; readonly sign: string | null }
  readonly logging: {
    readonly level: ConfiguredLogLevel
    readonly rooms: Readonly<Record<string, ConfiguredLogLevel>>
    readonly format: 'auto' | 'pretty' | 'json'
  }
  readonly api: { readonly connections: number }
  readonly network: NetworkConfig
  readonly replication: {
    readonly hops: number
    readonly feeds: number | null
    readonly bytes: number | null
  }
  readonly archiveMessages: ArchiveSettings
}

export interface NetworkConfig {
  readonly listen: boolean
  readonly host: string
  readonly port: number
  /** True where nobody asked for this very port, so that another one will do. */
  readonly isPortOpen: boolean
  readonly external: readonly string[]
  readonly autoconnect: boolean
  readonly allowPrivate: boolean
  readonly lan: boolean
  readonly lanHost: string | null
  readonly lanBroadcast: string | null
  readonly lanPort: number
  readonly lanLegacyPort: number | null
}

/** Settings that a caller gives; they win over the environment and the file. */
export interface ConfigFlags extends ConfigFile {
  readonly path?: string
}

/** The main network's key. @source scuttlebutt protocol guide, "Handshake" */
const MAIN_NETWORK_KEY = '1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s='

/** Of SSB, TCP as well as plain announcements over UDP. */
const DEFAULT_PORT = 8008
/** Of encrypted announcements. @source ssb-lan */
const LAN_PORT = 26_830

/** `$DUNBAR_PATH`, else `~/.dunbar`. */
export function defaultPath(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.DUNBAR_PATH || join(homedir(), '.dunbar')
}

/**
 * The settings of a node. Reads `<path>/config.json` where there is one.
 * @throws {CONFIG_INVALID} a value of the wrong kind, an unknown name or a file that is no JSON; says which
 */
export function loadConfig(flags: ConfigFlags = {}, environment = process.env): Config {
  const path = resolve(flags.path ?? defaultPath(environment))
  const { path: _path, ...given } = flags
  const file = readConfigFile(join(path, 'config.json'))
  const fromEnvironment = check(readEnvironment(environment), 'the environment')
  const fromFlags = check(given, 'the flags')
  const pick = <Name extends keyof ConfigFile>(name: Name) =>
    fromFlags[name] ?? fromEnvironment[name] ?? file[name]
  const archive = { ...file.archive, ...fromEnvironment.archive, ...fromFlags.archive }
  const caps = { ...file.caps, ...fromEnvironment.caps, ...fromFlags.caps }
  const logging = { ...file.logging, ...fromEnvironment.logging, ...fromFlags.logging }
  const network = { ...file.network, ...fromEnvironment.network, ...fromFlags.network }
  const replication = {
    ...file.replication,
    ...fromEnvironment.replication,
    ...fromFlags.replication,
  }
  const archiveMessages = { ...file.archiveMessages, ...fromFlags.archiveMessages }
  return {
    path,
    shards: pick('shards') ?? availableParallelism(),
    openFiles: pick('openFiles') ?? usualOpenFiles(),
    cacheBytes: pick('cacheBytes') ?? 16 * 2 ** 20,
    passivateAfterMs: pick('passivateAfterMs') ?? 30_000,
    archive: {
      seal: archive.seal ?? false,
      keepMessages: archive.keepMessages ?? 16,
      minMessages: archive.minMessages ?? 64,
    },
    caps: { shs: caps.shs ?? MAIN_NETWORK_KEY, sign: caps.sign ?? null },
    logging: {
      level: logging.level ?? 'info',
      rooms: logging.rooms ?? {},
      format: logging.format ?? 'auto',
    },
    api: { connections: pick('api')?.connections ?? 64 },
    network: {
      listen: network.listen ?? true,
      host: network.host ?? '::',
      port: network.port ?? DEFAULT_PORT,
      isPortOpen: network.port === undefined,
      external: network.external ?? [],
      autoconnect: network.autoconnect ?? true,
      allowPrivate: network.allowPrivate ?? false,
      lan: network.lan ?? true,
      lanHost: network.lanHost ?? null,
      lanBroadcast: network.lanBroadcast ?? null,
      lanPort: network.lanPort ?? LAN_PORT,
      lanLegacyPort: network.lanLegacyPort === undefined ? DEFAULT_PORT : network.lanLegacyPort,
    },
    replication: {
      hops: replication.hops ?? 2,
      feeds: replication.feeds ?? null,
      bytes: replication.bytes ?? null,
    },
    archiveMessages: {
      intervalSeconds: archiveMessages.intervalSeconds ?? 0,
      minMessages: archiveMessages.minMessages ?? 1024,
      keepMessages: archiveMessages.keepMessages ?? 1024,
    },
  }
}

function readConfigFile(path: string): ConfigFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return {}
    throw new CodedError('CONFIG_INVALID', `${path} can't be read: ${code}`, { path })
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new CodedError('CONFIG_INVALID', `${path} is no JSON: ${(error as Error).message}`, {
      path,
    })
  }
  return check(parsed, path)
}

/** `DUNBAR_SHARDS=2`, `DUNBAR_LOG_LEVEL=debug`, … */
function readEnvironment(environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  const number = (name: string, setting: string) => {
    const text = environment[name]
    if (text !== undefined && text !== '') read[setting] = Number(text)
  }
  number('DUNBAR_SHARDS', 'shards')
  number('DUNBAR_OPEN_FILES', 'openFiles')
  number('DUNBAR_CACHE_BYTES', 'cacheBytes')
  number('DUNBAR_PASSIVATE_AFTER_MS', 'passivateAfterMs')
  const caps: Record<string, string> = {}
  if (environment.DUNBAR_CAPS_SHS) caps.shs = environment.DUNBAR_CAPS_SHS
  if (environment.DUNBAR_CAPS_SIGN) caps.sign = environment.DUNBAR_CAPS_SIGN
  if (Object.keys(caps).length > 0) read.caps = caps
  const logging: Record<string, string> = {}
  if (environment.DUNBAR_LOG_LEVEL) logging.level = environment.DUNBAR_LOG_LEVEL
  if (environment.DUNBAR_LOG_FORMAT) logging.format = environment.DUNBAR_LOG_FORMAT
  if (Object.keys(logging).length > 0) read.logging = logging
  const network: Record<string, unknown> = {}
  if (environment.DUNBAR_HOST) network.host = environment.DUNBAR_HOST
  if (environment.DUNBAR_PORT) network.port = Number(environment.DUNBAR_PORT)
  if (environment.DUNBAR_EXTERNAL) {
    network.external = environment.DUNBAR_EXTERNAL.split(',').map((name) => name.trim())
  }
  for (const name of ['listen', 'lan', 'autoconnect']) {
    const text = environment[`DUNBAR_${name.toUpperCase()}`]
    if (text) network[name] = text === 'true' ? true : text === 'false' ? false : text
  }
  if (Object.keys(network).length > 0) read.network = network
  if (environment.DUNBAR_HOPS) read.replication = { hops: Number(environment.DUNBAR_HOPS) }
  return read
}

function check(value: unknown, where: string): ConfigFile {
  // An empty array would pass as an object without settings.
  if (Array.isArray(value)) {
    throw new CodedError('CONFIG_INVALID', `${where}: expected an object of settings`, {})
  }
  const result = v.safeParse(configSchema, value)
  if (result.success) return result.output
  const issue = result.issues[0]
  const setting = v.getDotPath(issue) ?? '(the whole)'
  throw new CodedError('CONFIG_INVALID', `${where}: ${setting}: ${issue.message}`, { setting })
}
