// Which notes come next: the walk in the page's address, and what is loaded ahead of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ahead, addressOf, SearchWords, walkIn } from '../../app/screens/review/walk.js';

const page = (note) => ({ note });
const urlOf = (query) => new URL(`http://desk.example/app/${query}`);
const searched = () => new SearchWords([], () => {});
const none = searched();

test('a walk is what the address says of it, and nothing else', () => {
  assert.equal(walkIn(urlOf(''), none), '');
  assert.equal(walkIn(urlOf('?note=3&view=x'), none), '');
  assert.equal(walkIn(urlOf('?note=3&order=doubt&text=stage%20IV&seed=7'), none), 'text=stage+IV&order=doubt&seed=7');
});

test('the address of a note keeps what is not the walk’s', () => {
  const next = addressOf(urlOf('?note=3&order=doubt&view=x'), 4, 'order=random&seed=7', none);
  assert.equal(next?.url.search, '?view=x&note=4&order=random&seed=7');
  assert.equal(next?.isFirst, false);
});

test('the first note of a page takes the place of the page in the history', () => {
  assert.equal(addressOf(urlOf('?view=x'), 4, '', none)?.isFirst, true);
  assert.equal(addressOf(urlOf('?note=3'), 4, '', none)?.isFirst, false);
});

test('the same note and walk are no new address, whatever their order', () => {
  assert.equal(addressOf(urlOf('?order=doubt&note=3'), 3, 'order=doubt', none), null);
  assert.equal(addressOf(urlOf('?order=doubt&note=3'), '3', 'order=doubt', none), null);
});

test('an address holds a number for the words of a search, which this tab knows', () => {
  const kept = [], words = new SearchWords([], (all) => kept.push([...all]));
  const first = addressOf(urlOf('?note=3'), 4, 'text=Anna+Muster&order=doubt', words)?.url;
  assert.equal(first?.search, '?note=4&words=0&order=doubt');
  assert.equal(walkIn(first, words), 'text=Anna+Muster&order=doubt');
  assert.equal(walkIn(first, new SearchWords(kept[0], () => {})), 'text=Anna+Muster&order=doubt', 'also after a reload');
  assert.equal(addressOf(first, 4, 'text=Anna+Muster&order=doubt', words), null);
  assert.equal(addressOf(first, 5, 'text=stage+IV', words)?.url.search, '?note=5&words=1');
  assert.deepEqual(kept, [['Anna Muster'], ['Anna Muster', 'stage IV']]);
});

test('another tab, which does not know the words, walks through the rest of the filter', () => {
  for (const number of ['0', '7', '-1', 'length', '']) assert.equal(walkIn(urlOf(`?words=${number}&order=doubt`), searched()), 'order=doubt');
});

test('an address holds a number for the value of a filter on metadata as well', () => {
  const words = searched(), walk = 'meta_name=mrn&meta_test=contains&meta_value=0815&order=meta.ward';
  const url = addressOf(urlOf('?note=3'), 4, walk, words)?.url;
  assert.equal(url?.search, '?note=4&meta_name=mrn&meta_test=contains&value=0&order=meta.ward');
  assert.equal(walkIn(url, words), walk);
  assert.equal(walkIn(url, searched()), 'order=meta.ward', 'a filter without its value is left out');
  assert.equal(walkIn(urlOf('?meta_name=mrn&meta_test=present'), none), 'meta_name=mrn&meta_test=present');
});

test('an address with words is replaced, not left in the history', () => {
  const next = addressOf(urlOf('?note=3&text=Anna'), 3, 'text=Anna', searched());
  assert.deepEqual([next?.isFirst, next?.url.search], [true, '?note=3&words=0']);
});

test('the end of a walk has no note', () => {
  assert.equal(addressOf(urlOf('?note=3&order=doubt'), null, 'order=doubt', none)?.url.search, '?order=doubt');
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
