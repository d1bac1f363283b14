/** The program `dunbar`. */
import { run } from './run.js'

// Leaving at once is safe: `run` has flushed the output and stopped the node.
void run(process.argv.slice(2)).then((exitCode) => process.exit(exitCode))
