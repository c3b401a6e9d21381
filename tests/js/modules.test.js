// The scripts as a whole: what imports what, and how long each is.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../../app/screens');
const STARTS = ['theme/appearance.js', 'page.js'];  // those that the page names
const MAX_LINES = 300;

const names = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
const texts = new Map(names.map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]));
const IMPORT = /^(?:import|export) [^;]*?'(\.[^']+)';/gm;
const needs = new Map([...texts].map(([name, text]) => [name, [...text.matchAll(IMPORT)].map(([, path]) => join(dirname(name), path))]));

test('there are scripts', () => assert.ok(texts.size > 30 && needs.get('page.js')?.length));

test('every import is there', () => {
  for (const [name, imported] of needs) for (const other of imported) assert.ok(texts.has(other), `${name} imports ${other}`);
});

test('every script is needed by the page', () => {
  const waiting = [...STARTS], found = new Set();
  for (const name of waiting) if (!found.has(name)) { found.add(name); waiting.push(...(needs.get(name) ?? [])); }
  assert.deepEqual([...texts.keys()].filter((name) => !found.has(name)), []);
});

test(`no script has more than ${MAX_LINES} lines`, () => {
  assert.deepEqual([...texts].filter(([, text]) => text.split('\n').length > MAX_LINES + 1).map(([name]) => name), []);
});

test('no script puts anything on the window', () => {
  for (const [name, text] of texts) assert.doesNotMatch(text, /\b(?:window|globalThis|self)\.\w+ *=[^=]/, name);
});
