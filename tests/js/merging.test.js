// What two versions of a note merge to in the form.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareVersions } from '../../app/screens/review/saving/merging.js';

const KEYS = ['stage', 'gene', 'drug'];
const BASE = { stage: 'II', gene: null, drug: 'x' };

test('what only the other touched is taken, what only this one did is kept, and both is a choice', () => {
  const mine = { stage: 'III', gene: null, drug: 'mine' }, theirs = { stage: 'II', gene: 'BRAF', drug: 'theirs' };
  const merge = { base: BASE, taken: ['gene'], kept: ['stage'], both: ['drug'] };
  assert.deepEqual(compareVersions(KEYS, mine, theirs, merge), { differing: KEYS, taken: ['gene'], both: ['drug'] });
});

test('what was typed since it was sent is touched too', () => {
  const mine = { ...BASE, gene: 'KRAS' }, theirs = { ...BASE, gene: 'BRAF' };
  const merge = { base: BASE, taken: ['gene'], kept: [], both: [] };
  assert.deepEqual(compareVersions(KEYS, mine, theirs, merge), { differing: ['gene'], taken: [], both: ['gene'] });
});

test('what both say alike is no difference, and no value is one that is missing', () => {
  const merge = { base: BASE, taken: [], kept: [], both: ['stage'] };
  assert.deepEqual(compareVersions(KEYS, { ...BASE, stage: 'IV' }, { stage: 'IV', drug: 'x' }, merge), { differing: [], taken: [], both: [] });
});

test('between two windows of one person nothing is merged', () => {
  const found = compareVersions(KEYS, { ...BASE, stage: 'IV' }, BASE, null);
  assert.deepEqual(found, { differing: ['stage'], taken: [], both: [] });
});
