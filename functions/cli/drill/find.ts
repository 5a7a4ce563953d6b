import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readScenario, type Scenario } from '../../sandbox/scenario/scenario.ts'

const folder = fileURLToPath(new URL('../../../events/scenarios/', import.meta.url))

export async function scenarioNames(): Promise<string[]> {
  const files = await readdir(folder)
  return files
    .filter(file => file.endsWith('.json'))
    .map(file => file.slice(0, -'.json'.length))
    .toSorted()
}

/** A scenario by its name under events/scenarios/, or by the path of a file. Throws `InputError`. */
export function findScenario(name: string): Scenario {
  return readScenario(/[./\\]/.test(name) ? resolve(name) : join(folder, `${name}.json`))
}
