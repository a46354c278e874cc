import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { testFamily } from "../support/init-suite.js";
import { run } from "../support/run.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-image-"));
const image = join(folder, "image");
after(() => rmSync(folder, { recursive: true }));
before(async () => {
  const root = join(folder, "root");
  await run(["mkdir", root]);
  writeFileSync(join(root, "hello"), "hello\n");
  await run(["truncate", "-s", "4M", image]);
  await run(["mkfs.ext4", "-q", "-L", "tested", "-d", root, image]);
});

testFamily("mounts", { setup: `mount -t devtmpfs devtmpfs dev; cp ${image} image` });
