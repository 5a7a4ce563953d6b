import { type Command, InvalidArgumentError } from 'commander'
import { EXIT, exitCodes } from '../exit.ts'
import type { Output } from '../output.ts'
import type { Ended } from '../program.ts'

const ID = 'an incident (fb-…), or an instance (i-…) for its newest one'
const UNUSABLE = 'unknown or malformed, or the deployment refuses it as asked'

/** `incidents` and `journal`, on the account that the environment's credentials name. */
export function addIncidents(program: Command, output: Output, ended: Ended): void {
  const incidents = program
    .command('incidents')
    .description('Lists, shows, reports, approves and releases incidents of a deployment, with AWS credentials')
  const done = (held: boolean) => ended(held ? EXIT.ok : EXIT.failed)

  incidents
    .command('list', { isDefault: true })
    .description('Open incidents first, then the newest closed one of each instance')
    .option('--all', 'every closed incident, not the newest of each instance alone')
    .option('--json', 'print the answer as one JSON object')
    .addHelpText('after', exitCodes('listed', undefined, 'it could not be asked like that', { asks: true }))
    .action(async options => {
      const { listIncidents } = await import('./list.ts')
      await listIncidents(options, output)
    })

  incidents
    .command('show')
    .description('How an incident stands, why, what to do next and what failed')
    .argument('<id>', ID)
    .option('--watch', 'go on telling what happens, a line each, until it is closed or Ctrl-C')
    .option('--json', 'print all that is known as one JSON object; with --watch one object a line')
    .addHelpText('after', exitCodes('shown', undefined, UNUSABLE, { asks: true }))
    .action(async (id: string, options) => {
      const { showIncident } = await import('./show.ts')
      await showIncident(id, options, output)
    })

  incidents
    .command('report')
    .description('Writes the report, an HTML page and Markdown, and prints where they are')
    .argument('<id>', ID)
    .option('--out <dir>', 'where they go', '.firebreak')
    .option('--json', 'print the paths as one JSON object')
    .addHelpText('after', exitCodes('written', undefined, `${UNUSABLE}, or it could not be written`, { asks: true }))
    .action(async (id: string, options) => {
      const { reportIncident } = await import('./report.ts')
      await reportIncident(id, options, output)
    })

  incidents
    .command('approve')
    .description('Cuts what policy left to a person')
    .argument('<id>', ID)
    .option('--wait <seconds>', 'how long to wait until the approval is taken up; 0: not at all', secondsOf, 60)
    .option('--json', 'print the outcome as one JSON object')
    .addHelpText(
      'after',
      exitCodes(
        'approved (with --wait 0: asked for)',
        'not cut, or not taken up in time',
        `${UNUSABLE}, or it is too late`,
        {
          asks: true,
        },
      ),
    )
    .action(async (id: string, options) => {
      const { approveIncident } = await import('./approve.ts')
      done(await approveIncident(id, options, output))
    })

  incidents
    .command('release')
    .description('Says what would be put back, asks for a yes, and puts back what was there before the cut')
    .argument('<id>', ID)
    .option('--yes', 'ask for no yes, for scripts; without it and without a terminal nothing is released')
    .option(
      '--force <step>',
      'put this step back although somebody else changed since what it had left; may be given several times',
      (value: string, previous: readonly string[]) => [...previous, value],
      [],
    )
    .option('--wait <seconds>', 'how long to wait until it is carried out or refused; 0: not at all', secondsOf, 60)
    .option('--json', 'print the outcome as one JSON object')
    .addHelpText(
      'after',
      exitCodes(
        'released (with --wait 0: asked for)',
        'refused since others changed what would be put back, declined, or not done in time',
        `${UNUSABLE}, or nobody could be asked for a yes`,
        { asks: true },
      ),
    )
    .action(async (id: string, options) => {
      const { releaseIncident } = await import('./release.ts')
      done(await releaseIncident(id, options, output))
    })

  program
    .command('journal')
    .description("What stands in an incident's journal, by its hash chain")
    .command('verify')
    .description('Recomputes the hash chain here, entry by entry, and names what was changed or is missing')
    .argument('<id>', ID)
    .option('--head <hash>', 'a last hash that a ticket or a report told earlier: the journal must still have it')
    .option('--json', 'print the outcome as one JSON object')
    .addHelpText('after', exitCodes('intact', 'an entry was changed, replaced or taken away', UNUSABLE, { asks: true }))
    .action(async (id: string, options) => {
      const { verifyJournal } = await import('./verify.ts')
      done(await verifyJournal(id, options, output))
    })
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (text === '' || !Number.isFinite(seconds) || seconds < 0 || seconds > 3600)
    throw new InvalidArgumentError('It is a number from 0 to 3600.')
  return seconds
}
