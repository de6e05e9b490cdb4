import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { eventName, eventObject, shorten } from './event-object.ts';

const input = {
  regarding: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'app', namespace: 'shop', uid: 'u' } },
  type: 'Normal',
  reason: 'Started',
  action: 'Start',
  note: 'it runs',
} as const;

describe('an event', () => {
  it('is about its object, in the namespace of that', () => {
    assert.deepEqual(eventObject(input, { controller: 'example.com/c', instance: 'pod-1' }, 0, 'x1'), {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'app.x1', namespace: 'shop' },
      eventTime: '1970-01-01T00:00:00.000000Z',
      reportingController: 'example.com/c',
      reportingInstance: 'pod-1',
      type: 'Normal',
      reason: 'Started',
      action: 'Start',
      note: 'it runs',
      regarding: { apiVersion: 'v1', kind: 'Pod', name: 'app', namespace: 'shop', uid: 'u' },
    });
  });

  it('about something cluster-wide is in default', () => {
    const regarding = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } };
    const object = eventObject({ ...input, regarding }, { controller: 'c', instance: 'i' }, 0, 'x');
    assert.deepEqual(object, { ...object, metadata: { name: 'node-1.x', namespace: 'default' } });
  });

  it('has a note of at most 1024 bytes, cut between characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 900, maxLength: 1_100 }), (note) => {
        const short = shorten(note);
        assert.ok(Buffer.byteLength(short) <= 1_024);
        if (Buffer.byteLength(note) <= 1_024) assert.equal(short, note);
        else assert.ok(note.startsWith(short.slice(0, -1)) && short.endsWith('…'));
      }),
    );
  });

  it('has a name that the API accepts, however long its object is called', () => {
    const name = eventName(`${'a'.repeat(240)}-.${'b'.repeat(10)}`, '18c1234567890');
    assert.ok(name.length <= 253);
    assert.match(name, /^[a-z0-9.-]*[a-z0-9]\.18c1234567890$/);
  });
});
