import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import { chooseImage, type DeploymentObject, deployedImage, rememberImage } from './image.ts';

const DEFAULT = 'ghcr.io/poolkeeper/pgbouncer:1.26.1';

const spec = (fields: Partial<PoolerSpec>): PoolerSpec => ({
  replicas: 2,
  suspend: false,
  profile: 'balanced',
  backends: [{ name: 'primary', host: 'pg', port: 5432 }],
  ...fields,
});

const running = (image: string, version?: string): DeploymentObject => ({
  metadata: version === undefined ? {} : { annotations: { 'poolkeeper.dev/pgbouncer-version': version } },
  spec: {
    template: {
      spec: {
        containers: [
          { name: 'sidecar', image: 'x:9' },
          { name: 'pgbouncer', image },
        ],
      },
    },
  },
});

/** On trial after another one. */
const trying = (image: string, version: string, before: string): DeploymentObject => {
  const { metadata, ...rest } = running(image, version);
  return { ...rest, metadata: { annotations: { ...metadata.annotations, 'poolkeeper.dev/image-before': before } } };
};

const CASES: readonly {
  readonly what: string;
  readonly fields: Partial<PoolerSpec>;
  readonly deployment?: DeploymentObject;
  readonly chosen: string;
}[] = [
  { what: "the operator's default", fields: {}, chosen: `${DEFAULT} 1.26.1` },
  {
    what: 'what runs already, so that a new default restarts nothing',
    fields: {},
    deployment: running('old:1.24.1', '1.24.1'),
    chosen: 'old:1.24.1 1.24.1',
  },
  {
    what: 'what runs already, with the version that was once stated for it',
    fields: {},
    deployment: running('old:latest', '1.24.1'),
    chosen: 'old:latest 1.24.1',
  },
  {
    what: 'what was proved, when the image that was tried after it is taken back',
    fields: {},
    deployment: trying('typo:1.25.0', '1.25.0', '1.24.1 old:latest'),
    chosen: 'old:latest 1.24.1',
  },
  {
    what: 'the image that is tried, as long as the spec says so',
    fields: { image: 'typo:1.25.0' },
    deployment: trying('typo:1.25.0', '1.25.0', '1.24.1 old:latest'),
    chosen: 'typo:1.25.0 1.25.0',
  },
  {
    what: 'what the spec says, whatever runs',
    fields: { image: 'mine:1.18.0' },
    deployment: running('old:1.24.1', '1.24.1'),
    chosen: 'mine:1.18.0 1.18.0',
  },
  {
    what: 'the version of another image does not stick to a new one',
    fields: { image: 'mine:latest', version: '1.25' },
    deployment: running('old:1.24.1', '1.24.1'),
    chosen: 'mine:latest 1.25.0',
  },
  {
    what: 'a stated version before that of the tag',
    fields: { image: 'mine:1.18.0', version: '1.24.1' },
    chosen: 'mine:1.18.0 1.24.1',
  },
  {
    what: 'a stated version for what runs',
    fields: { version: '1.25.0' },
    deployment: running('old:1.24.1', '1.24.1'),
    chosen: 'old:1.24.1 1.25.0',
  },
  {
    what: 'a tag with more behind the version',
    fields: { image: 'r:5000/p:1.24.1-alpine' },
    chosen: 'r:5000/p:1.24.1-alpine 1.24.1',
  },
  {
    what: 'a Deployment of somebody else says nothing',
    fields: {},
    deployment: { metadata: {}, spec: { template: 'x' } },
    chosen: `${DEFAULT} 1.26.1`,
  },
];

for (const { what, fields, deployment, chosen } of CASES) {
  test(`an image is chosen: ${what}`, () => {
    const choice = chooseImage(spec(fields), deployment, DEFAULT);
    assert.ok(choice.ok);
    assert.equal(`${choice.image} ${formatVersion(choice.version)}`, chosen);
  });
}

const FAULTS: readonly { readonly fields: Partial<PoolerSpec>; readonly line: string }[] = [
  {
    fields: { image: 'mine:latest' },
    line: 'spec.image: has no tag that begins with a PgBouncer version ("mine:latest"); set spec.version: "1.26.1"',
  },
  {
    fields: { image: 'mine@sha256:abc' },
    line: 'spec.image: has no tag that begins with a PgBouncer version ("mine@sha256:abc"); set spec.version: "1.26.1"',
  },
  {
    fields: { image: 'mine:1.17.0' },
    line: 'spec.image: is PgBouncer 1.17.0, which this operator does not know ("mine:1.17.0"); use 1.18 to 1.26',
  },
  {
    fields: { version: '1.27.0' },
    line: 'spec.version: is PgBouncer 1.27.0, which this operator does not know ("1.27.0"); use 1.18 to 1.26',
  },
];

for (const { fields, line } of FAULTS) {
  test(`a fault names the way out: ${line}`, () => {
    const choice = chooseImage(spec(fields), undefined, DEFAULT);
    assert.ok(!choice.ok);
    assert.equal(formatFault(choice.fault), line);
  });
}

test('a default image of the operator that names no version is told as such', () => {
  const choice = chooseImage(spec({}), undefined, 'pgbouncer:latest');
  assert.ok(!choice.ok);
  assert.equal(choice.fault.value, 'pgbouncer:latest');
});

const DEPLOYED: readonly {
  readonly what: string;
  readonly fields: Partial<PoolerSpec>;
  readonly deployment?: DeploymentObject;
  readonly told: string | undefined;
}[] = [
  { what: 'nothing before there is a Deployment', fields: {}, told: undefined },
  {
    what: 'what its annotation says, not its tag',
    fields: {},
    deployment: running('mine@sha256:abc', '1.25.2'),
    told: `mine@sha256:abc 1.25.2, newer: ${DEFAULT}`,
  },
  {
    what: 'what its tag says, without one',
    fields: {},
    deployment: running('mine:1.26.1'),
    told: 'mine:1.26.1 1.26.1',
  },
  {
    what: 'no newer default to somebody who chose an image',
    fields: { image: 'mine:1.25.2' },
    deployment: running('mine:1.25.2', '1.25.2'),
    told: 'mine:1.25.2 1.25.2',
  },
  {
    what: 'no older default',
    fields: {},
    deployment: running('mine:1.26.2', '1.26.2'),
    told: 'mine:1.26.2 1.26.2',
  },
  { what: 'nothing when nothing tells the version', fields: {}, deployment: running('mine:latest'), told: undefined },
];

for (const { what, fields, deployment, told } of DEPLOYED) {
  test(`a Deployment tells of its image: ${what}`, () => {
    const image = deployedImage(spec(fields), deployment, DEFAULT);
    const newer = image?.newerDefault === undefined ? '' : `, newer: ${image.newerDefault}`;
    assert.equal(image && `${image.image} ${formatVersion(image.version)}${newer}`, told);
  });
}

const NONE = { live: false, next: false };
const LIVE = { live: true, next: false };
const NEXT = { live: false, next: true };
for (const [what, remembered, expected] of [
  ['nothing at first', rememberImage(undefined, 'a:1.26.1', NONE), undefined],
  ['nothing while the image stays', rememberImage(running('a:1.26.1', '1.26.1'), 'a:1.26.1', LIVE), undefined],
  ['the proved one before another', rememberImage(running('a:x', '1.24.1'), 'b:1.26.1', LIVE), '1.24.1 a:x'],
  ['none that was not proved', rememberImage(running('a:x', '1.24.1'), 'b:1.26.1', NONE), undefined],
  ['it over trials', rememberImage(trying('b:1.26.1', '1.26.1', '1.24.1 a:x'), 'c:1.26.1', NONE), '1.24.1 a:x'],
  [
    'it while the trial lasts',
    rememberImage(trying('b:1.26.1', '1.26.1', '1.24.1 a:x'), 'b:1.26.1', NONE),
    '1.24.1 a:x',
  ],
  ['nothing after the proof', rememberImage(trying('b:1.26.1', '1.26.1', '1.24.1 a:x'), 'b:1.26.1', NEXT), undefined],
  ['nothing on the way back', rememberImage(trying('b:1.26.1', '1.26.1', '1.24.1 a:x'), 'a:x', NONE), undefined],
] as const) {
  test(`a Deployment remembers ${what}`, () => assert.equal(remembered, expected));
}
