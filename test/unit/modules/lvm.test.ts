/** LVM in an image: what of the host's lvm.conf stays, what an initramfs has otherwise, and which volumes a host-only one names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, HostLayer } from "../../../hooks/index.js";
import { imageConfig, settingOf } from "../../../modules.d/90lvm/config.js";
import setup from "../../../modules.d/90lvm/module-setup.js";

const host = `# This is an example configuration file.
config {
	# checks = 1
	checks = 1
}
devices {
	global_filter = [ "a|^/dev/disk/by-id/ata-.*|", "r|.*|" ]
	obtain_device_list_from_udev = 1
	use_devicesfile = 1
	devicesfile = "system.devices"
}
activation { activation_mode = "complete" udev_sync = 1 }
global/use_lvmpolld=1
global {
	system_id_source = "uname"
	thin_check_executable = ""
	cache_check_executable = "/opt/cache_check"
}
backup {
	backup = 1
	backup_dir = "/etc/lvm/backup"
}
`;
/** Every key that is set, with how often. */
const count = (config: string, key: string) => config.match(new RegExp(`\\b${key}\\s*=`, "g"))?.length ?? 0;

test("a generic image's: no udev, no daemons, no devices file", () => {
  const config = imageConfig();
  for (const [key, value] of Object.entries({ udev_sync: "0", udev_rules: "0", monitoring: "0", use_devicesfile: "0" }))
    assert.equal(settingOf(config, key), value);
  assert.equal(settingOf(config, "system_id_source"), undefined);
});

test("a host's own stays, but for comments and what is otherwise in an initramfs, which is there once", () => {
  const config = imageConfig(host, { devicesFile: true });
  assert.match(config, /global_filter = \[ "a\|\^\/dev\/disk\/by-id\/ata-\.\*\|", "r\|\.\*\|" \]/);
  assert.equal(settingOf(config, "activation_mode"), "complete");
  assert.equal(settingOf(config, "backup_dir"), "/etc/lvm/backup");
  assert.equal(settingOf(config, "use_devicesfile"), "1");
  assert.doesNotMatch(config, /#/);
  for (const key of ["udev_sync", "use_lvmpolld", "obtain_device_list_from_udev", "backup"]) {
    assert.equal(count(config, key), 1, key);
    assert.equal(settingOf(config, key), "0");
  }
});

test("a host without a devices file uses none in the initramfs", () => {
  const config = imageConfig(host, { devicesFile: false });
  assert.deepEqual([count(config, "use_devicesfile"), settingOf(config, "use_devicesfile")], [1, "0"]);
});

test("the system ID that is the host's name is written down", () => {
  const config = imageConfig(host, { devicesFile: false, systemId: "server-1" });
  assert.equal(settingOf(config, "system_id"), "server-1");
  assert.deepEqual([count(config, "system_id_source"), settingOf(config, "system_id_source")], [1, "lvmlocal"]);
});

test("a setting's value: text, number, empty, in a comment", () => {
  assert.equal(settingOf(host, "thin_check_executable"), "");
  assert.equal(settingOf(host, "cache_check_executable"), "/opt/cache_check");
  assert.equal(settingOf(host, "udev_sync"), "1");
  assert.equal(settingOf('\t# devicesfile = "x"\n', "devicesfile"), undefined);
});

test("a host-only image has the volumes that the machine boots from, and as optional ones what it can do without", () => {
  const volume = (name: string, ...points: string[]): HostLayer => ({
    ...{ kind: "lvm", device: `dm-${name}`, group: "box", volume: name, points },
  });
  const layers = [volume("root", "/"), volume("usr", "/usr", "swap"), volume("swap", "swap"), volume("data", "data")];
  const hostWith = (found: readonly HostLayer[]) =>
    ({ layers: found, findProgram: (name) => `/sbin/${name}` }) as Partial<Host> as Host;
  assert.deepEqual(setup.cmdline?.(hostWith(layers)), [
    ...["rd.lvm.lv=box/root", "rd.lvm.lv=box/usr", "rd.lvm.lv=box/swap:optional", "rd.lvm.lv=box/data:optional"],
  ]);
  assert.equal(setup.check?.(hostWith(layers)), "include");
  assert.equal(setup.check?.(hostWith([])), "on-request");
});
