/**
 * Lists of client addresses: CIDR blocks, single addresses, and globs over IPv4 (`192.168.*`, `10.?.?.1`).
 *
 * Decides membership on the canonical form of an address (`ip-address.ts`), so `::ffff:10.0.0.1` is `10.0.0.1`. A CIDR block
 * is arithmetic, never a glob. IPv4 and IPv6 blocks are apart: `::/0` is every IPv6 client and no IPv4 one.
 * Must never do: let an address pass that cannot be read; it is in no list.
 */
import { BlockList } from 'node:net';
import { compileGlob, isGlob } from './glob.ts';
import { canonicalAddress } from './ip-address.ts';
import type { AccessPlan } from './plan.ts';

export interface AddressList {
  /** @param ip as the system tells it, mapped or with a zone id; an empty text is in no list. */
  matches(ip: string): boolean;
}

/** Whether an address is among those; of an empty list none is, which is asked for every request and costs nothing. */
export function compileTrust(patterns: readonly string[]): (ip: string) => boolean {
  if (patterns.length === 0) return () => false;
  const list = compileAddressList(patterns);
  return (ip) => list.matches(ip);
}

/** @param patterns without those that `parseAddressPattern` objects to; such a pattern matches nothing. */
export function compileAddressList(patterns: readonly string[]): AddressList {
  const addresses = new Set<string>();
  const blocks = new BlockList();
  const blocks6 = new BlockList();
  const globs: ((text: string) => boolean)[] = [];
  let hasEverything = false;
  for (const pattern of patterns) {
    const block = readPattern(pattern);
    if (block.kind === 'everything') hasEverything = true;
    else if (block.kind === 'glob') globs.push(compileGlob(block.text, '.'));
    else if (block.kind === 'address') addresses.add(block.address);
    else if (block.kind === 'block' && block.address.includes(':'))
      blocks6.addSubnet(block.address, block.bits, 'ipv6');
    else if (block.kind === 'block') blocks.addSubnet(block.address, block.bits, 'ipv4');
  }
  return {
    matches: (ip) => {
      const address = canonicalAddress(ip);
      if (address === null) return false;
      if (hasEverything || addresses.has(address)) return true;
      if (address.includes(':')) return blocks6.check(address, 'ipv6');
      return blocks.check(address, 'ipv4') || globs.some((matchesGlob) => matchesGlob(address));
    },
  };
}

/**
 * Who may pass: whoever the allow list has, or everybody where there is none, and nobody whom the block list has.
 * An address that cannot be read is in no list, so that it passes only where nothing is allowed by name.
 */
export function compileAccess({ allow, block }: AccessPlan): (ip: string) => boolean {
  const blocked = compileAddressList(block);
  const allowed = allow === null ? null : compileAddressList(allow);
  return (ip) => !blocked.matches(ip) && (allowed === null || allowed.matches(ip));
}

/** What is wrong with a pattern, as a phrase that follows it; null when it can be used. */
export function parseAddressPattern(pattern: string): string | null {
  const block = readPattern(pattern);
  return block.kind === 'problem' ? block.says : null;
}

/** How narrow a pattern is: 0 for `*`, otherwise 1 more than the number of fixed bits, IPv4 counted as the last 32 of 128. */
export function addressSpecificity(pattern: string): number {
  const block = readPattern(pattern);
  if (block.kind === 'address') return 129;
  if (block.kind === 'block') return 1 + (block.address.includes(':') ? block.bits : 96 + block.bits);
  return block.kind === 'glob' ? 97 + 8 * block.text.split('.').filter((label) => !isGlob(label)).length : 0;
}

type AddressBlock =
  | { readonly kind: 'everything' }
  | { readonly kind: 'glob'; readonly text: string }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'block'; readonly address: string; readonly bits: number }
  | { readonly kind: 'problem'; readonly says: string };

function readPattern(pattern: string): AddressBlock {
  const text = pattern.trim();
  if (text === '*') return { kind: 'everything' };
  if (text.includes('%')) return problem('has a zone id, which means something on one machine only');
  const slash = text.indexOf('/');
  if (slash >= 0) return readBlock(text.slice(0, slash), text.slice(slash + 1));
  if (isGlob(text)) return readGlob(text);
  const address = canonicalAddress(text);
  if (address === null) return problem('is not an IP address, a CIDR block or a glob such as 10.0.*');
  return { kind: 'address', address };
}

function readBlock(network: string, prefixLength: string): AddressBlock {
  const address = canonicalAddress(network);
  if (address === null) return problem('has no IP address before the slash');
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefixLength)) return problem('has no number after the slash');
  const bits = Number(prefixLength);
  if (address.includes(':')) {
    return bits <= 128 ? { kind: 'block', address, bits } : problem('has more than 128 bits after the slash');
  }
  const isMapped = network.includes(':');
  if (isMapped && (bits < 96 || bits > 128))
    return problem('is a mapped IPv4 block and needs 96 to 128 bits after the slash');
  if (!isMapped && bits > 32) return problem('has more than 32 bits after the slash');
  return { kind: 'block', address, bits: isMapped ? bits - 96 : bits };
}

function readGlob(text: string): AddressBlock {
  if (text.includes(':')) return problem('is a glob over IPv6; write a CIDR block');
  const labels = text.split('.');
  if (labels.some((label) => !/^[0-9*?]{1,3}$/.test(label)))
    return problem('is a glob with something else than digits, * and ?');
  if (labels.some((label) => !isGlob(label) && (Number(label) > 255 || /^0\d/.test(label)))) {
    return problem('has a number that no IPv4 address has');
  }
  if (labels.length > 4 || (labels.length < 4 && !labels.includes('*'))) return problem('does not make four numbers');
  return { kind: 'glob', text };
}

function problem(says: string): AddressBlock {
  return { kind: 'problem', says };
}
