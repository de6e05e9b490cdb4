import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ANNOTATION_ENTRY } from '../api/names.ts';
import { get, mergePatch } from '../kube/operations.ts';
import { PODS } from '../kube/resources.ts';
import { ENTRY_AT_REST, includeOf } from '../plan/revision-files.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const ENTRY = `object.metadata.annotations['${ANNOTATION_ENTRY}']`;
/** Whoever evaluates it denies that an entry file goes back to the pointer. */
const NO_WAY_BACK = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-way-back}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods]}]
  validations:
    - expression: "!(${ENTRY}.contains('proved.ini') && !oldO${ENTRY.slice(1)}.contains('proved.ini'))"
      message: no way back
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-way-back}
spec: {policyName: no-way-back, validationActions: [Deny]}
`;

const POD_OF_NOBODY = `apiVersion: v1
kind: Pod
metadata: {name: nobody, annotations: {${ANNOTATION_ENTRY}: candidate}}
spec: {containers: [{name: nothing, image: nothing}]}
`;

await inOwnNetwork(import.meta.filename, () => {
  describe('while the desired configuration cannot be had, pods', () => {
    let stage: Stage;
    before(async () => {
      // What happens here happens without a look at the consoles.
      stage = await startStage({ flags: ['--observe-interval=600s'] });
    });
    after(() => stage?.stop());

    const entries = async (name: string): Promise<string> =>
      (await Promise.all((await stage.pods(name)).map((pod) => get(stage.client, PODS, stage.namespace, pod.name))))
        .map(({ metadata }) => metadata.annotations?.[ANNOTATION_ENTRY] ?? ENTRY_AT_REST)
        .join();
    const atRest = (name: string): Promise<void> =>
      until(`${name} to be at rest`, async () => {
        const found = await entries(name);
        return found === ENTRY_AT_REST ? true : found;
      });

    it('do not keep an entry file that leads to what nobody proved, for the next RELOAD by hand', async () => {
      await stage.proved('invalid', await stage.pooler('invalid'));
      await stage.pooler('invalid', { parameters: { no_such_setting: 1 } });
      await stage.says('invalid', 'Stalled', 'InvalidSpec');
      const [pod] = await stage.pods('invalid');
      // As an operator leaves it that is killed in the middle of a change.
      const annotations = { [ANNOTATION_ENTRY]: includeOf('0123abcd') };
      await mergePatch(stage.client, PODS, stage.namespace, pod?.name ?? '', { metadata: { annotations } });
      await atRest('invalid');
    });

    it('are brought back from a refused revision as soon as the API server lets them be, without another occasion', async () => {
      // What is stated is newer than what runs, which therefore does not know the setting.
      const specOf = (more: object) => ({
        image: 'example.com/pgbouncer:1.24.1',
        version: '1.26.1',
        tls: { server: { mode: 'require', ...more } },
      });
      await stage.pooler('refused', specOf({}));
      await stage.says('refused', 'ConfigSynced', 'Proved');
      await stage.kubectl(['apply', '-f', '-'], NO_WAY_BACK);
      // A pod of nobody's, to see whether the policy is in force.
      await stage.kubectl(['apply', '-f', '-'], POD_OF_NOBODY);
      await until('the policy to be in force', () =>
        stage
          .kubectl(['annotate', '--overwrite', '--dry-run=server', 'pod/nobody', `${ANNOTATION_ENTRY}=proved.ini`])
          .then(
            () => 'not yet',
            () => true,
          ),
      );
      await stage.pooler('refused', specOf({ tls13Ciphers: 'TLS_AES_256_GCM_SHA384' }));
      await stage.says('refused', 'ConfigSynced', 'Refused');
      assert.notEqual(await entries('refused'), ENTRY_AT_REST);
      await stage.kubectl([
        'delete',
        'validatingadmissionpolicybinding/no-way-back',
        'validatingadmissionpolicy/no-way-back',
      ]);
      await atRest('refused');
    });
  });
});
