import { InputError, reasonOf } from '../../core/errors.ts'
import type { Output } from '../output.ts'
import { writeReport } from '../report-files.ts'
import { withDeployment } from './deployment.ts'

export interface ReportOptions {
  readonly out: string
  readonly json?: boolean
}

/** Writes the incident as a self-contained page and as Markdown, under its own id. */
export async function reportIncident(id: string, { out, json }: ReportOptions, output: Output): Promise<void> {
  const shown = await withDeployment(deployment => deployment.show(id))
  const { incident } = shown
  if (!/^fb-[0-9a-f]{16}$/.test(incident.id))
    throw new InputError(`Cannot write a report under the name ${JSON.stringify(incident.id)}`)
  let paths: Awaited<ReturnType<typeof writeReport>>
  try {
    paths = await writeReport(out, incident.id, shown)
  } catch (cause) {
    throw new InputError(`Cannot write the report to ${JSON.stringify(out)}: ${reasonOf(cause)}`, { cause })
  }
  output.out(json ? `${JSON.stringify({ incident: incident.id, ...paths })}\n` : `${paths.html}\n${paths.markdown}\n`)
}
