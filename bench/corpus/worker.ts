import { parentPort, workerData } from 'node:worker_threads'
import { evaluate } from './evaluate.ts'

parentPort?.postMessage(await evaluate(workerData))
