// Decisions on their way: none is lost, none is sent out of order, and one that was not sent can be taken back.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Outbox } from '../../app/screens/review/saving/outbox.js';

const RETRY_MS = 2000;
const entryOf = (note) => ({ name: `case-${note}`, changes: [], content: { note, status: 'submitted', token: `token-${note}` } });
const settle = async () => { for (let turn = 0; turn < 20; turn += 1) await null; };

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

/** A tab whose storage outlives it, and a desk that answers each decision as told, or when it is let. */
function tabOf({ kept = [], answers = {} } = {}) {
  const sent = [], heard = [];
  const storage = { entries: structuredClone(kept) };
  const outbox = new Outbox({
    send: async (content) => { sent.push(content); return await (answers[content.note] ?? { status: 200, revision: content.note }); },
    read: () => structuredClone(storage.entries),
    keep: (entries) => { storage.entries = structuredClone(entries); },
  });
  const tell = (what) => (entry) => heard.push([what, entry.content?.note ?? entry]);
  outbox.tell({ saved: tell('saved'), refused: tell('refused'), waiting: tell('waiting') });
  return { outbox, sent, heard, storage };
}

test('decisions are kept before they are sent, and sent in order', async () => {
  const { outbox, sent, heard, storage } = tabOf();
  const both = [outbox.push(entryOf(1)), outbox.push(entryOf(2))];
  assert.deepEqual(storage.entries.map(({ content }) => content.note), [1, 2]);
  assert.deepEqual(sent, []);
  await Promise.all(both);
  assert.deepEqual(heard, [['saved', 1], ['saved', 2]]);
  assert.deepEqual(storage.entries, []);
});

test('a decision waits for what it is to follow', async () => {
  const { outbox, sent } = tabOf();
  let arrive;
  const done = outbox.push(entryOf(1), new Promise((resolve) => { arrive = resolve; }));
  await settle();
  assert.deepEqual(sent, []);
  arrive();
  await done;
  assert.equal(sent.length, 1);
});

test('what the desk did not acknowledge is sent again, with the same token, also after a reload', async () => {
  const answers = { 1: { status: 0 } };
  const { outbox, sent, heard, storage } = tabOf({ answers });
  await outbox.push(entryOf(1));
  assert.deepEqual(heard, [['waiting', 1]]);
  mock.timers.tick(RETRY_MS);
  await settle();
  assert.deepEqual(sent.map(({ token }) => token), ['token-1', 'token-1']);
  const next = tabOf({ kept: storage.entries });
  assert.deepEqual(next.outbox.notes(), [1]);
  await next.outbox.flush();
  assert.deepEqual(next.sent.map(({ token }) => token), ['token-1']);
  assert.equal(next.outbox.size(), 0);
});

for (const status of [403, 409, 422]) {
  test(`a decision that is refused with ${status} does not hold up the next`, async () => {
    const { outbox, heard } = tabOf({ answers: { 1: { status } } });
    await Promise.all([outbox.push(entryOf(1)), outbox.push(entryOf(2))]);
    assert.deepEqual(heard, [['refused', 1], ['saved', 2]]);
  });
}

for (const status of [0, 401, 500, 503, 507]) {
  test(`nothing is given up where the answer is ${status}`, async () => {
    const { outbox, heard, storage } = tabOf({ answers: { 1: { status } } });
    await outbox.push(entryOf(1));
    assert.deepEqual(heard, [['waiting', 1]]);
    assert.equal(storage.entries.length, 1);
  });
}

test('a decision that was not sent can be taken back, one on its way cannot', async () => {
  let answer;
  const { outbox, heard, storage } = tabOf({ answers: { 1: new Promise((resolve) => { answer = resolve; }) } });
  const done = Promise.all([outbox.push(entryOf(1)), outbox.push(entryOf(2))]);
  await settle();
  assert.equal(outbox.take(1), null);
  assert.equal(outbox.take(2)?.content.note, 2);
  assert.deepEqual(storage.entries.map(({ content }) => content.note), [1]);
  answer({ status: 200 });
  await done;
  assert.deepEqual(heard, [['saved', 1]]);
});
