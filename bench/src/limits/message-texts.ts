import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** The values of the first messages of a file, each as compact JSON. */
export async function messageTexts(
  file: string,
  most = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const texts: string[] = []
  const input = createReadStream(file)
  for await (const line of createInterface({ input })) {
    texts.push(line.slice(line.indexOf('"value":') + 8, line.lastIndexOf(',"timestamp":')))
    if (texts.length >= most) break
  }
  input.destroy()
  return texts
}
