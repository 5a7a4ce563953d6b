import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * A bug that the matrix must find, planted into the source as it is loaded (`node --import`): interfaces are moved into the
 * quarantine group before the restore point is written, so that whoever takes over from a function that was ended in between
 * takes the quarantine group for what was there before.
 */
const file = new URL('../../functions/core/advancing.ts', import.meta.url).href
const before = '  const [written, budgeted] = await Promise.all(['
const planted = `  for (const step of started.filter(({ id }) => id === 'swap-groups'))
    await step.apply({ incident: ready, attempt: 1, signal: run.signal }).catch(() => undefined)
${before}`

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (url !== file) return loaded
    const source = String(loaded.source)
    if (source.split(before).length !== 2) throw new Error(`Cannot plant a bug: ${fileURLToPath(file)} reads otherwise`)
    return { ...loaded, source: source.replace(before, planted) }
  },
})
