import { createServer, request, type ServerResponse } from 'node:http'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { startFauxqs } from 'fauxqs'

/** What becomes of a read: it passes, is refused as S3 refuses, or its answer breaks off. */
export type Fate = 'pass' | 'busy' | 'deny' | 'break'

const REFUSALS = { busy: { status: 503, code: 'SlowDown' }, deny: { status: 403, code: 'AccessDenied' } }

export type ObjectStore = Awaited<ReturnType<typeof startObjectStore>>

/** S3 in this process, behind a door that decides over each read. */
export async function startObjectStore() {
  const server = await startFauxqs({ port: 0, logger: false })
  const inside = new URL(server.address)
  const coming: Fate[] = []
  /** Ranges and paths of the reads that came. */
  const reads: string[] = []
  const door = createServer((incoming, outgoing) => {
    reads.push(`${incoming.url} ${incoming.headers.range ?? ''}`.trim())
    const fate = coming.shift() ?? 'pass'
    if (fate === 'busy' || fate === 'deny') {
      refuse(outgoing, REFUSALS[fate])
      return
    }
    const { url, method, headers } = incoming
    const forwarded = request(new URL(url ?? '/', inside), { method, headers }, answer => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      if (fate === 'pass') answer.pipe(outgoing)
      else answer.once('data', (chunk: Buffer) => outgoing.write(chunk.subarray(0, 8), () => outgoing.destroy()))
    })
    incoming.pipe(forwarded)
  })
  await new Promise<void>(resolve => door.listen(0, '127.0.0.1', resolve))
  const at = door.address()
  const client = new S3Client({
    endpoint: server.address,
    region: 'eu-central-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'SANDBOX', secretAccessKey: 'sandbox' },
  })
  return {
    url: `http://127.0.0.1:${typeof at === 'object' && at ? at.port : 0}`,
    reads,
    /** The next reads, in order; those after them pass. */
    fates: (...fates: readonly Fate[]) => void coming.push(...fates),
    async put(bucket: string, key: string, body: Uint8Array | string): Promise<void> {
      await client.send(new CreateBucketCommand({ Bucket: bucket }))
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
    },
    async stop(): Promise<void> {
      client.destroy()
      door.closeAllConnections()
      await Promise.all([new Promise(resolve => door.close(resolve)), server.stop()])
    },
  }
}

function refuse(outgoing: ServerResponse, { status, code }: { status: number; code: string }): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`
  outgoing.writeHead(status, { 'content-type': 'application/xml' }).end(body)
}
