// Which notes come next: the walk in the page's address, and what is loaded ahead of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ahead, addressOf, walkIn } from '../../app/screens/review/walk.js';

const page = (note) => ({ note });
const urlOf = (query) => new URL(`http://desk.example/app/${query}`);

test('a walk is what the address says of it, and nothing else', () => {
  assert.equal(walkIn(urlOf('')), '');
  assert.equal(walkIn(urlOf('?note=3&view=x')), '');
  assert.equal(walkIn(urlOf('?note=3&order=doubt&text=stage%20IV&seed=7')), 'text=stage+IV&order=doubt&seed=7');
});

test('the address of a note keeps what is not the walk’s', () => {
  const next = addressOf(urlOf('?note=3&order=doubt&view=x'), 4, 'order=random&seed=7');
  assert.equal(next?.url.search, '?view=x&note=4&order=random&seed=7');
  assert.equal(next?.isFirst, false);
});

test('the first note of a page takes the place of the page in the history', () => {
  assert.equal(addressOf(urlOf('?view=x'), 4, '')?.isFirst, true);
});

test('the same note and walk are no new address, whatever their order', () => {
  assert.equal(addressOf(urlOf('?order=doubt&note=3'), 3, 'order=doubt'), null);
  assert.equal(addressOf(urlOf('?order=doubt&note=3'), '3', 'order=doubt'), null);
});

test('the end of a walk has no note', () => {
  assert.equal(addressOf(urlOf('?note=3&order=doubt'), null, 'order=doubt')?.url.search, '?order=doubt');
});

test('the next note is neither the one on screen nor one that is decided', () => {
  const ahead = new Ahead();
  ahead.load([page(1), page(2), page(3)], 0);
  assert.equal(ahead.take(1, [2])?.note, 3);
  assert.equal(ahead.take(1, []), null);
  assert.ok(ahead.isEmpty);
});

test('what is loaded is a copy', () => {
  const ahead = new Ahead(), pages = [page(1), page(2)];
  ahead.load(pages, 0);
  ahead.take(1, []);
  assert.equal(pages.length, 2);
});

test('a note that somebody else may have is not shown, but what was loaded since is', () => {
  const ahead = new Ahead();
  ahead.load([page(1), page(2)], 100);
  ahead.keep([], 50);
  assert.deepEqual(ahead.notes, [1, 2]);
  ahead.keep([2], 150);
  assert.deepEqual(ahead.notes, [2]);
  ahead.forget();
  assert.deepEqual(ahead.notes, []);
});
