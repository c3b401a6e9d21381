// What the desk says about a field, and which fields somebody has to look at.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../app/screens/review/form/difference.js';
import { asks, groupAsking, whyAsked, whyWithheld, wordOf } from '../../app/screens/review/form/field_state.js';

const FIELD = { title: 'Stage', word: 'fair', value: 'II', suggested: 'II', offered: null, withheld: null, grounding: {}, alternatives: [] };
const word = (field, state) => wordOf({ ...FIELD, ...field }, { value: 'II', suggested: true, settled: false, all: false, ...state });
const isAsked = (field, state) => asks({ ...FIELD, ...field }, { value: 'II', suggested: true, settled: false, all: false, ...state });

test('the model’s word stands until a person has one', () => {
  assert.equal(word({}, {}), 'fair');
  assert.equal(word({}, { settled: true }), 'confirmed');
  assert.equal(word({}, { value: 'III', settled: true }), 'edited');
  assert.equal(word({}, { value: null, settled: true }), 'cleared');
  assert.equal(word({}, { suggested: false }), 'none');
  assert.equal(word({ offered: { value: 'III', by: 'kim' } }, { value: 'III' }), 'offered');
  assert.equal(word({ withheld: 'unsure' }, { value: null }), 'withheld');
  assert.equal(word({ withheld: 'unsure' }, { value: null, settled: true }), 'empty');
});

test('where reviewers were asked, what they said counts', () => {
  assert.equal(word({ word: 'differ' }, { value: 'III' }), 'differ');
  assert.equal(word({ word: 'agree' }, { settled: true }), 'confirmed');
  assert.equal(word({ word: 'agree' }, { value: 'III', settled: true }), 'edited');
});

test('a field asks until it is settled: an unsure one, an offer, a difference; or each, where all have to be confirmed', () => {
  assert.ok(isAsked({ word: 'look' }, {}));
  assert.ok(!isAsked({ word: 'look' }, { settled: true }));
  assert.ok(!isAsked({}, {}));
  assert.ok(isAsked({}, { all: true }));
  assert.ok(isAsked({ word: 'differ' }, {}));
});

test('one press confirms all that ask, but each alone where people differ or all have to be confirmed', () => {
  assert.deepEqual(groupAsking({ adjudication: null }, ['a', 'b'], 'a', false), ['a', 'b']);
  assert.deepEqual(groupAsking({ adjudication: {} }, ['a', 'b'], 'a', false), ['a']);
  assert.deepEqual(groupAsking({ adjudication: null }, ['a', 'b'], 'a', true), ['a']);
});

test('the sentence says which fields ask and what the key does', () => {
  const record = { caution: '', fields: { a: { title: 'Stage' }, b: { title: 'Gene' } } };
  assert.equal(whyAsked(record, ['a'], ['a']), 'Stage asks to be looked at first: the same key confirms it.');
  assert.equal(whyAsked(record, ['a', 'b'], ['a']), '2 fields ask to be looked at first: the same key confirms each.');
  assert.equal(whyAsked(record, ['a', 'b'], ['a', 'b']), 'Stage and Gene ask to be looked at first: the same key confirms them together.');
  assert.equal(whyAsked({ ...record, caution: 'A strange note.' }, ['a'], ['a']), 'A strange note. The same key confirms Stage as it stands.');
});

test('a value of which every missing part is denied is only denied', () => {
  const found = { kind: 'not_found', missing: ['BRAF'], denied: ['BRAF'], rule: null };
  const field = { ...FIELD, withheld: 'not_found', suggested: 'BRAF', grounding: { BRAF: found } };
  assert.equal(whyWithheld(field)[1], 'denied');
  assert.equal(whyWithheld({ ...field, grounding: { BRAF: { ...found, denied: [] } } })[1], 'not found');
});

test('a difference shows the words that are gone and the new ones, or nothing where none is shared', () => {
  const parts = difference('stage II disease', 'stage III disease');
  assert.deepEqual(parts, [{ tag: 'span', text: 'stage ' }, { tag: 'del', text: 'II' }, { tag: 'ins', text: 'III' }, { tag: 'span', text: ' disease' }]);
  assert.equal(difference('II', 'III'), null);
});
