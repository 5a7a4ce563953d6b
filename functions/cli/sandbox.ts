import { deploy } from './drill/deployment.ts'
import { findScenario } from './drill/find.ts'
import { type Output, progress } from './output.ts'

export interface SandboxOptions {
  readonly port: number
  readonly json?: boolean
}

/** Serves a scenario's cloud with Firebreak deployed into it, until the process is told to stop. */
export async function serve(name: string, { port, json }: SandboxOptions, output: Output): Promise<void> {
  const deployment = await deploy(findScenario(name), { port })
  try {
    await deployment.verify()
    output.out(json ? `${JSON.stringify(deployment.environment)}\n` : environmentLines(deployment.environment))
    const shown = progress(output, 'sandbox:')
    shown.say(deployment.sandbox.endpoint)
    await untilStopped(output)
    shown.done()
  } finally {
    await deployment.close()
  }
}

/** Lines for another shell to run. */
export function environmentLines(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join('')
}

export function untilStopped(output: Output): Promise<void> {
  output.err('The sandbox stays until Ctrl-C\n')
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}
