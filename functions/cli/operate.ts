import { InputError } from '../core/errors.ts'
import { plain } from '../report/text.ts'
import { haltSaid } from './halt.ts'
import { withDeployment } from './incidents/deployment.ts'
import type { Output } from './output.ts'

interface Options {
  readonly reason?: string
  readonly json?: boolean
}

/** Orders a drill of an instance. */
export async function orderDrill(instance: string, { json }: Options, output: Output): Promise<void> {
  if (!/^i-[0-9a-f]{8,17}$/.test(instance))
    throw new InputError(`Cannot drill ${JSON.stringify(instance)}: it is no instance, as i-0123456789abcdef0`)
  const queued = await withDeployment(({ order }) => order({ verb: 'drill', instance }))
  output.out(
    json
      ? `${JSON.stringify(queued)}\n`
      : `The drill of ${plain(instance)} is in its lane: see npx firebreak incidents show ${instance} --watch\n`,
  )
}

/** Stops new cuts everywhere, or lets them be made again. */
export async function setHalt(verb: 'halt' | 'resume', { reason, json }: Options, output: Output): Promise<void> {
  if (reason === undefined || reason.length === 0 || reason.length > 512)
    throw new InputError(`Cannot ${verb}: --reason says why in 1 to 512 characters, for the journal`)
  const { halt } = await withDeployment(deployment => deployment.halt({ verb, reason }))
  output.out(json ? `${JSON.stringify(halt)}\n` : haltSaid(halt))
}
