/**
 * Opens the password files that routes name.
 *
 * Decides nothing; `htpasswd.ts` says what is in them. A file is read when the proxy starts, and not again.
 * Must never do: read without a bound, or say anything of what a file holds.
 */
import { open } from 'node:fs/promises';
import { ProxyError } from '../../errors.ts';
import type { AuthenticationPlan, BasicCredential } from '../../routing/http-plan.ts';
import { htpasswdBytesMax, parseHtpasswd, type Htpasswd } from './htpasswd.ts';

type BasicPlan = Extract<AuthenticationPlan, { type: 'basic' }>;

/** What the file of a plan holds; whatever is wrong with it is among the problems. */
export async function readHtpasswd({ htpasswd, credentials }: BasicPlan): Promise<Htpasswd> {
  if (htpasswd === null) return { credentials: [], problems: [], plainLines: [] };
  const text = await textOf(htpasswd.path);
  if (typeof text !== 'string') return { credentials: [], problems: [{ line: 0, ...text }], plainLines: [] };
  return parseHtpasswd(
    text,
    credentials.map(({ username }) => username),
  );
}

/** Everybody who may pass. @throws ProxyError SALLYPORT_CONFIG_INVALID with every line that is wrong */
export async function allCredentials(plan: BasicPlan): Promise<readonly BasicCredential[]> {
  const { credentials, problems } = await readHtpasswd(plan);
  if (problems.length === 0) return [...plan.credentials, ...credentials];
  const path = plan.htpasswd?.path ?? '';
  const lines = problems.map(({ line, message }) => `${path}${line === 0 ? '' : `:${line}`}: ${message}`);
  throw new ProxyError('SALLYPORT_CONFIG_INVALID', lines.join('\n'));
}

/** At most so many bytes. */
async function beginningOf(path: string, bytesMax: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const chunks: Buffer[] = [];
    let left = bytesMax;
    while (left > 0) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(left, 65_536)));
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return Buffer.concat(chunks);
  } finally {
    await file.close();
  }
}

/** The text, or why there is none. */
async function textOf(path: string): Promise<string | { readonly message: string }> {
  try {
    const bytes = await beginningOf(path, htpasswdBytesMax + 1);
    if (bytes.length > htpasswdBytesMax) return { message: 'the file is larger than 1 MiB' };
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const isDecoding = error instanceof TypeError;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown cause';
    return { message: isDecoding ? 'the file is not UTF-8 text' : `the file cannot be read: ${code}` };
  }
}
