/**
 * What is expected of Sallyport's TLS, checked and printed, never asserted. All of it is cost or share, which also a busy
 * machine tells.
 */
import { check } from '../expectations.ts';
import { figuresOf, medianRatio, type Check, type MetricResult } from '../results.ts';
import type { SubjectId } from '../subjects.ts';

/** Metric, whom it is compared with, the most that is expected. */
const atMost: readonly (readonly [id: string, peer: SubjectId, most: number])[] = [
  ['full.cpu', 'haproxy', 1.15],
  ['full.cpu', 'pipe', 1.15],
  ['resumed.cpu', 'haproxy', 1.15],
  ['download.cpu', 'haproxy', 0.8],
];
const peerNames: Partial<Record<SubjectId, string>> = { pipe: "Node's own tls.Server and a pipe" };
const titles: Readonly<Record<string, string>> = {
  'full.cpu': 'CPU of a full handshake',
  'resumed.cpu': 'CPU of a resumed handshake',
  'download.cpu': 'CPU of bulk download',
};
const resuming: Readonly<Record<string, string>> = {
  'resumed.share': 'resumed, where tickets are used again',
  'once.share': 'resumed, where a ticket is used once',
};
const resumedPercentMin = 95;

/** One line per expectation. */
export function checkTlsExpectations(metrics: readonly MetricResult[]): readonly Check[] {
  const cellsOf = (id: string): MetricResult['cells'] => metrics.find((metric) => metric.id === id)?.cells ?? {};
  const costs = atMost.map(([id, peer, most]) => {
    const cells = cellsOf(id);
    const ratio = medianRatio(figuresOf(cells.sallyport), figuresOf(cells[peer]));
    const text = `${titles[id] ?? id}: at most ${most} of ${peerNames[peer] ?? peer}`;
    return check(text, ratio, (value) => value <= most, true);
  });
  const shares = Object.entries(resuming).map(([id, text]) => {
    const share = cellsOf(id).sallyport?.value ?? null;
    return check(`${text}: at least ${resumedPercentMin} %`, share, (value) => value >= resumedPercentMin, true);
  });
  return [...costs, ...shares];
}
