/** Ring 1, I13: every (state, fact) pair of the exchange chart has a verdict, and the verdicts are the compiled table's. */
import { describe, expect, test } from 'vitest';
import { exchangeTable } from '../../src/machines/exchange/exchange-chart.ts';
import { exchangeFactTypes, type ExchangeFactType } from '../../src/machines/exchange/events.ts';
import { exchangeLeaves, exchangeVerdictOf, type ExchangeLeaf } from '../../src/machines/exchange/verdicts.ts';

const pairs = exchangeLeaves.flatMap((leaf) =>
  exchangeFactTypes.map((fact) => ({ leaf, fact, verdict: exchangeVerdictOf(leaf, fact) })),
);

function candidates(leaf: ExchangeLeaf, fact: ExchangeFactType) {
  const found = exchangeTable.leaves[exchangeTable.leafByName.get(leaf) ?? -1];
  return found === undefined || found.isFinal ? [] : (found.candidates.get(fact) ?? []);
}

describe('verdicts of the exchange chart', () => {
  test('I13: the declared leaves are the chart’s leaves', () => {
    expect(exchangeTable.leaves.map(({ name }) => name)).toEqual([...exchangeLeaves]);
  });

  test('I13: every pair of a leaf and a fact has a verdict, and every ignored one says why in a sentence', () => {
    expect(pairs).toHaveLength(exchangeTable.leaves.length * exchangeFactTypes.length);
    expect(pairs.filter(({ verdict }) => verdict !== 'handled' && verdict.ignored.split(' ').length < 5)).toEqual([]);
  });

  test('I13: a pair is handled exactly when the leaf or a parent has a transition', () => {
    const wrong = pairs.filter(
      ({ leaf, fact, verdict }) => (verdict === 'handled') !== candidates(leaf, fact).length > 0,
    );
    expect(wrong).toEqual([]);
  });

  test('I13: no fact is heard only under a guard: where one says no, another edge is taken', () => {
    const guarded = pairs.filter(({ leaf, fact }) => {
      const found = candidates(leaf, fact);
      return found.length > 0 && found.every(({ guard }) => guard !== null);
    });
    expect(guarded).toEqual([]);
  });

  test('I13: no fact is declared that no leaf handles', () => {
    const unheard = exchangeFactTypes.filter((fact) =>
      exchangeLeaves.every((leaf) => candidates(leaf, fact).length === 0),
    );
    expect(unheard).toEqual([]);
  });

  test('I13: no transition hears anything but a declared fact or a deadline of its own leaf', () => {
    const strange = exchangeTable.leaves.flatMap(({ name, candidates: heard, timers }) =>
      [...heard.keys()]
        .filter((type) => !exchangeFactTypes.some((fact) => fact === type) && !timers.some(({ id }) => id === type))
        .map((type) => [name, type]),
    );
    expect(strange).toEqual([]);
  });
});
