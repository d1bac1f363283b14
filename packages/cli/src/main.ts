/** The program `dunbar`. */
import { run } from './run.js'

// Leaving at once is safe: `run` has flushed the output and stopped the node.
process.exit(await run(process.argv.slice(2)))
