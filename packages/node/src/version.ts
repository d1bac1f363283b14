import { createRequire } from 'node:module'

/** The version of this node, from its package. */
export const VERSION: string = createRequire(import.meta.url)('../package.json').version
