import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { LABEL_INSTANCE, LABEL_ROLE } from '../api/names.ts';
import { list } from '../kube/operations.ts';
import { DEPLOYMENTS, SECRETS } from '../kube/resources.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const serviceOf = (name: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ports: [{port: 80}]}
`;

/** Nobody may write the configuration of a pooler of that name. */
const policyAgainst = (name: string) => `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-config}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [secrets]}]
  validations: [{expression: "!object.metadata.name.startsWith('${name}-config-')", message: no configuration}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-config}
spec: {policyName: no-config, validationActions: [Deny]}
`;

await inOwnNetwork(import.meta.filename, () => {
  describe('a new pooler', () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage();
    });
    after(() => stage?.stop());

    const configurations = async (name: string): Promise<number> =>
      (
        await list(stage.client, SECRETS, stage.namespace, {
          labelSelector: `${LABEL_INSTANCE}=${name},${LABEL_ROLE}=config`,
        })
      ).items.length;
    /** How often each was told. */
    const eventsOf = async (name: string, reason: string): Promise<readonly number[]> => {
      const selector = `regarding.name=${name},reason=${reason}`;
      const events = await stage.kubectl(['get', 'events.v1.events.k8s.io', `--field-selector=${selector}`, '-o=json']);
      const { items } = JSON.parse(events) as { readonly items: readonly { readonly series?: { count: number } }[] };
      return items.map(({ series }) => series?.count ?? 1);
    };
    const deployed = async (name: string): Promise<boolean> =>
      (await list(stage.client, DEPLOYMENTS, stage.namespace)).items.some(({ metadata }) => metadata.name === name);

    it("whose Service is somebody else's leaves no more than one configuration, however often it is edited", async () => {
      await stage.kubectl(['apply', '-f', '-'], serviceOf('taken'));
      for (const cpu of ['100m', '200m', '300m']) {
        const container = { name: 'pgbouncer', resources: { requests: { cpu } } };
        const generation = await stage.pooler('taken', { template: { spec: { containers: [container] } } });
        await until('the edit to be seen', async () =>
          (await stage.read('taken')).status?.observedGeneration === generation ? true : 'not yet',
        );
        await stage.says('taken', 'Stalled', 'NameCollision');
      }
      assert.ok((await configurations('taken')) <= 1);
      assert.equal(await deployed('taken'), false);
      await stage.kubectl(['delete', 'service', 'taken']);
      await stage.proved('taken', (await stage.read('taken')).metadata.generation ?? 0);
    });

    it('is told of the collision also where its configuration is denied', async () => {
      await stage.kubectl(['apply', '-f', '-'], `${serviceOf('denied')}---\n${policyAgainst('denied')}`);
      await until('the policy to be in force', () =>
        stage.kubectl(['create', 'secret', 'generic', 'denied-config-x', '--dry-run=server']).then(
          () => 'not yet',
          () => true,
        ),
      );
      await stage.pooler('denied', { image: 'pgbouncer:1.24.1' });
      await stage.says('denied', 'Stalled', 'NameCollision');
      assert.equal(await deployed('denied'), false);
      // What is said of its image from the beginning stays so.
      await stage.says('denied', 'ImageOutdated', 'KnownVulnerabilities');
      assert.deepEqual(await eventsOf('denied', 'KnownVulnerabilities'), [1]);
      await stage.kubectl([
        'delete',
        'service/denied',
        'validatingadmissionpolicybinding/no-config',
        'validatingadmissionpolicy/no-config',
      ]);
      await stage.proved('denied', (await stage.read('denied')).metadata.generation ?? 0);
    });
  });
});
