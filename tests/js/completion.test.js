// What the review screen offers beside a field: completion of what is typed, and a list without one of its items.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choices, isBeginning } from '../../app/screens/review/form/completion.js';

const NOTE = 'Started on Dabrafenib plus trametinib, later on ipilimumab. Dose 2.5 mg. Plan: dabrafenib holiday; plan.';

/** The values offered beside a field that holds `value`. */
function offered(value, { alternatives = [], offer = null, suggested = null, ...more } = {}) {
  const state = { value, typed: true, used: [], note: NOTE, separator: '; ', ...more };
  return choices({ alternatives, suggested, offered: offer }, state).map(({ other }) => other);
}

test('a word is completed to its end, to the end of the phrase and by the next word', () => {
  assert.deepEqual(offered('trame'), ['trametinib']);
  assert.deepEqual(offered('dabr').slice(0, 3), ['Dabrafenib', 'Dabrafenib plus trametinib', 'Dabrafenib plus']);
});

test('completion goes on from the last words and leaves what stands before them', () => {
  assert.deepEqual(offered('stopped; ipil'), ['stopped; ipilimumab']);
  assert.deepEqual(offered('dabrafenib + tram'), ['dabrafenib + trametinib']);
  assert.equal(offered('Dabrafenib plus')[0], 'Dabrafenib plus trametinib');
});

test('nothing is made of too little', () => {
  assert.deepEqual(offered('d'), []);
  assert.deepEqual(offered('on'), []);  // stands anywhere: what follows says nothing
  assert.deepEqual(offered('ipilimumab xyz'), []);
  assert.deepEqual(offered('trame', { typed: false }), []);
});

test('a number in the note is not cut at its point', () => assert.equal(offered('dose')[0], 'Dose 2.5 mg'));

test('what is typed is no pattern', () => {
  for (const typed of ['(a', 'a[', 'a\\', '*.*', '$&', 'a+b']) assert.deepEqual(offered(typed), []);
});

test('values used before come first, the same said otherwise before the commoner', () => {
  const used = [['dabrafenib; vemurafenib', 90], ['trametinib + dabrafenib', 3]];
  assert.equal(offered('dabrafenib and trametinib', { used })[0], 'trametinib + dabrafenib');
  assert.deepEqual(offered('dabr', { used }).slice(0, 2), ['dabrafenib; vemurafenib', 'trametinib + dabrafenib']);
  assert.deepEqual(offered('dabr', { used: [['on dabrafenib', 9], ['dabrafenib', 1]] }).slice(0, 2), ['dabrafenib', 'on dabrafenib']);
});

test('the last item of a list is completed from items used before', () => {
  const used = [['surgery; radiation', 2], ['radiotherapy', 9]];
  assert.deepEqual(offered('dabrafenib; ra', { used }), ['dabrafenib; radiotherapy', 'dabrafenib; radiation']);
});

test('a list is offered without each of its items until it is typed into', () => {
  assert.deepEqual(offered('lung; skin', { typed: false }), ['skin', 'lung']);
  assert.deepEqual(offered('lung, skin, brain', { typed: false }), ['skin, brain', 'lung, brain', 'lung, skin']);
  assert.deepEqual(offered('lung; skin'), []);
  assert.deepEqual(offered('lung; skin', { typed: false, isSure: true }), []);
  assert.deepEqual(offered('lung; skin', { typed: false, separator: undefined }), []);
  assert.deepEqual(offered('lung', { typed: false }), []);
});

test('the model’s alternatives come before a shorter list, and no value is offered twice', () => {
  assert.deepEqual(offered('lung; skin', { typed: false, alternatives: ['lung', null] }), ['lung', null, 'skin']);
  assert.deepEqual(offered(null, { typed: false, alternatives: [null, 'lung'] }), ['lung']);
  assert.deepEqual(offered('a', { typed: false, offer: { value: 'b', by: 'kim' }, alternatives: ['a', 'c'] }), ['b', 'c']);
});

test('a value that is withheld is offered first, with the reason', () => {
  const field = { alternatives: ['skin'], suggested: 'lung', offered: null };
  const [first] = choices(field, { value: null, typed: false, note: NOTE, whyWithheld: ['too unsure to put in', 'unsure'] });
  assert.deepEqual(first, { other: 'lung', why: 'the model’s value, too unsure to put in', tag: 'unsure' });
});

test('there are never more than five', () => assert.equal(offered('a; b; c; d; e; f; g', { typed: false }).length, 5));

test('the last word is still being typed while the note has a longer one', () => {
  assert.ok(isBeginning(NOTE, 'started on dab'));
  assert.ok(!isBeginning(NOTE, 'dabrafenib'));
  assert.ok(!isBeginning(NOTE, 'rafenib'));  // no word begins so
  assert.ok(!isBeginning(NOTE, null));
});
