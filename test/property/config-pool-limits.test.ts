/**
 * What a pool cannot keep because of the endpoints it has: attempts beyond the last one, drains that never begin, checks
 * that take longer than the time between them.
 */
import { expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import { complaints, web } from '../support/config-samples.ts';

const endpoints = [{ host: '127.0.0.1', port: 1 }];
const health = { type: 'tcp' };
const config = (pool: Record<string, unknown>) => ({
  routes: [web({ action: { type: 'forward', pool: 'db' } })],
  pools: { db: { endpoints, ...pool } },
});

test('B01: where all endpoints are known, no more attempts are promised than there are of them, and that is told', () => {
  const fixed = [{ host: '10.0.0.1', port: 1 }, { host: 'localhost', port: 1 }, { unix: '/a' }];
  const proxied = { type: 'socks5', host: 'h', port: 1 };
  const attempts = (pool: Record<string, unknown>) => resolveConfig(config({ retries: 50, ...pool })).pools[0]?.retries;
  expect([{}, { endpoints: fixed }].map(attempts)).toEqual([0, 2]);
  expect(attempts({ endpoints: [{ host: 'db.example', port: 1 }] })).toBe(50);
  expect(attempts({ endpoints: [{ host: 'db.example', port: 1 }], dialer: proxied })).toBe(0);
  expect(attempts({ endpoints: [...fixed, { srv: 'db.example' }] })).toBe(50);
  const told = (pool: Record<string, unknown>) => resolveConfig(config({ retries: 50, ...pool })).warnings;
  expect(told({})).toEqual(['pools.db.retries: there is no other endpoint to go on to']);
  expect(told({ endpoints: fixed })).toEqual(['pools.db.retries: there are only 2 other endpoints to go on to']);
  expect(told({ endpoints: fixed, retries: 2 })).toEqual([]);
  const asked: number[] = [];
  const holdTime = (_: unknown, attemptsMax: number): number => asked.push(attemptsMax);
  resolveConfig({ ...config({ retries: 50 }), limits: { maxHoldTime: '1h' } }, { holdTime });
  expect(asked).toEqual([1]);
});

test('B02: a check that may take longer than the interval is told', () => {
  const told = (checks: object) => resolveConfig(config({ health: checks })).warnings;
  expect(told({ interval: '1s', timeout: '9s' })).toEqual([
    'pools.db.health: timeout is longer than interval, so that an endpoint that hangs is asked only every 10s',
  ]);
  expect(told({ interval: '2s' })).toEqual([]);
});

test('B02: drain is refused where no endpoint is ever wanted no more', () => {
  const drain = '1s';
  const never =
    'pools.db.drain: drain cannot be enforced here: no name makes these endpoints, so that each of them is always wanted';
  expect(complaints(config({ drain }))).toEqual([never]);
  expect(complaints(config({ drain, health, onEndpointDown: 'kill' }))).toEqual([never]);
  expect(complaints(config({ drain, health, onEndpointDown: 'drain' }))).toEqual([]);
  expect(complaints(config({ drain, endpoints: [{ host: 'db.example', port: 1 }] }))).toEqual([]);
});
