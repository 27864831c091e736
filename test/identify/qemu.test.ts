// What QEMU 7.2.22 answers to query-name and query-uuid (QMP) when it is started with these arguments.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { qemuMachine } from '../../src/identify/qemu.js';

const UUID = '550e8400-e29b-41d4-a716-446655440000';

describe('the command line of QEMU', () => {
  const names: [args: string[], name: string][] = [
    [['-name', 'web'], 'web'],
    [['--name', 'web'], 'web'],
    [['-name', 'guest=web,debug-threads=on'], 'web'],
    [['-name', 'web,process=qemu:web'], 'web'],
    [['-name', 'debug-threads=on,guest=web'], 'web'],
    [['-name', 'web,,db'], 'web,db'],
    [['-name', 'guest=web,,db,debug-threads=on'], 'web,db'],
    [['-name', 'web,'], 'web'],
    [['-name', 'a', '-name', 'guest=b'], 'b'],
    [['-name', 'a', '-name', 'process=x'], 'a'],
    [['-name', 'guest=a,guest=b'], 'b'],
    [['-name', 'guest=,guest=x,process=p'], 'x'],
    [['-name', 'guest=a=b'], 'a=b'],
    [['-name', 'guest'], 'guest'],
    [['-name', ''], ''],
    [['-name', 'process=x'], ''],
    [['-name'], ''],
    [['-S', '-nodefaults', '-name', 'web', 'disk.img'], 'web'],
    // Of another option, the value.
    [['-append', '-name', 'web'], ''],
    [['-append', '-name', '-name', 'web'], 'web'],
    [['-netdev', 'tap,id=n,ifname=-name'], ''],
    [['name', 'web'], ''],
    [['-name=web'], ''],
    // May name it differently, and is not read.
    [['-name', 'web', '-readconfig', 'vm.cfg'], ''],
    [[], ''],
  ];
  for (const [args, name] of names) {
    it(`${args.join(' ') || 'without arguments'} tells ${name || 'no name'}`, () => {
      assert.equal(qemuMachine(args).name, name);
    });
  }

  it('tells the UUID as QEMU does, and nothing that is none', () => {
    assert.equal(qemuMachine(['-uuid', UUID.toUpperCase()]).uuid, UUID);
    assert.equal(
      qemuMachine(['-uuid', UUID, '-uuid', UUID.replace('5', '6')]).uuid,
      UUID.replace('5', '6'),
    );
    for (const uuid of ['', 'x', `${UUID}0`, UUID.replaceAll('-', ''), `{${UUID}}`]) {
      assert.equal(qemuMachine(['-uuid', uuid]).uuid, '', uuid);
    }
  });

  it('of any form never tells a name that is not in it', () => {
    const word = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('-name', '--name', '-S', '-uuid', '-append', 'guest=a,,b', 'a,guest=c', UUID),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (args) => {
        const { name, uuid } = qemuMachine(args);
        assert.ok(args.join(' ').replaceAll(',,', ',').includes(name.replaceAll(',,', ',')));
        assert.ok(args.includes(uuid) || uuid === '' || args.join().toLowerCase().includes(uuid));
      }),
    );
  });
});
