/**
 * `npm start`: the demo does what it prints, and what it prints to try does work.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { repository, runScript } from '../support/command.ts';
import { peerTest } from '../support/peers.ts';

const demo = `${repository}examples/demo.ts`;
const shell = promisify(execFile);

describe('npm start', () => {
  test('A02: with --once every connection ends as expected under both interpreters, and nothing is left behind', async () => {
    const { exitCode, out, err } = await runScript(demo, ['--once']).ended;
    expect(err).not.toContain('not as expected');
    expect(exitCode).toBe(0);
    const reasons = (interpreter: string) =>
      [...out.matchAll(new RegExp(String.raw`^   ${interpreter} +(\S+)  .*ACCEPTED [\d.]+ .*→ CLOSED$`, 'gm'))].map(
        ([, reason]) => reason,
      );
    const expected = [
      'completed',
      'completed',
      'completed',
      'completed',
      'completed',
      'upstream.refused',
      'route.blocked',
      'timeout.sniff',
      'downstream.reset',
    ];
    expect(reasons('compiled')).toEqual(expected);
    expect(reasons('xstate')).toEqual(expected);
    // Of every connection, and of the two exchanges that were refused.
    expect(out.match(/closed\s+after .*/g)).toHaveLength(expected.length + 2);
    expect(out).toMatch(/GET \/ was answered 200 by handler of\s+greet on\s+route greet/);
    const nothing = '0 connections, 0 slots, 0 transports, 0 upstreams, 0 timers, 0 listeners';
    expect(out).toMatch(new RegExp(`^left behind by compiled +${nothing}\nleft behind by xstate +${nothing}$`, 'm'));
    expect(out).not.toContain('\u001b');
  });

  peerTest(['curl', 'openssl'], 'A02: the commands it prints work, each is explained, and Ctrl+C ends it', async () => {
    const running = runScript(demo, []);
    await running.line(/Ctrl\+C/);
    const answers: string[] = [];
    for (const start of [
      'curl --resolve web',
      'curl --resolve secure',
      'curl --resolve handler',
      'curl -i --resolve closed',
      'openssl s_client',
    ]) {
      const command = await running.line(new RegExp(`^  ${start}`));
      const { stdout, stderr } = await shell('/bin/sh', ['-c', command], { cwd: repository });
      answers.push(stdout + stderr);
    }
    expect(answers[0]).toContain('hello from the HTTP origin');
    expect(answers[1]).toContain('hello from the TLS origin');
    expect(answers[2]).toContain('hello from a function in this process, to GET /any/path');
    expect(answers[3]).toContain('HTTP/1.1 403');
    expect(answers[4]).toContain('Verification: OK');
    await running.line(/^compiled +completed +GET \/ was answered 200 .* on route web/);
    await running.line(/^compiled +completed +closed after .* on route secure/);
    await running.line(/^compiled +route\.blocked +GET \/ was answered 403: .* on route closed/);
    running.signal('SIGINT');
    const { exitCode, out } = await running.ended;
    expect(exitCode).toBe(0);
    expect(out).toMatch(/left behind by xstate +0 connections/);
  });
});
