import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { podAddress } from './pod-address.ts';

describe('the address of a pod', () => {
  for (const address of ['10.1.2.3', '100.64.0.7', '192.168.0.1', '203.0.113.9', 'fd00:10:244::5', '2001:db8::1']) {
    it(`may be ${address}`, () => assert.equal(podAddress(address), address));
  }
  for (const address of [
    ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '169.254.169.254', '169.254.0.1', '224.0.0.1', '255.255.255.255'],
    ...['::1', '::', 'fe80::1', 'fe80::1%eth0', 'ff02::1', 'fd00:ec2::254'],
    ...['::ffff:127.0.0.1', '::ffff:169.254.169.254', '::ffff:7f00:1'],
    ...['', 'localhost', 'postgres.example.com', '10.1.2', '10.1.2.3:80', '/run/socket', undefined],
  ]) {
    it(`is never ${String(address)}`, () => assert.equal(podAddress(address), undefined));
  }
});
