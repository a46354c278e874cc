/** Same input, same bytes: wherever, whenever and by whom it is built, and in whatever order directories are read. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { mkinitrdCommand } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { run, runAsRoot } from "../support/run.js";

interface Circumstances {
  folder: string;
  umask: string;
  /** Of sort(1): tmpfs lists what was made last first. */
  order: string;
  environment: Record<string, string>;
}

const here: Circumstances = {
  folder: projectFolder,
  umask: "022",
  order: "--unique",
  environment: { LC_ALL: "C", TZ: "UTC", HOME: "/root" },
};
const elsewhere: Circumstances = {
  folder: "/",
  umask: "077",
  order: "--reverse",
  environment: {
    LC_ALL: "tr_TR.UTF-8",
    LANGUAGE: "tr",
    TZ: "Pacific/Kiritimati",
    HOME: "/nonexistent",
    USER: "nobody",
  },
};

/** In a mount namespace, $1 and $2 are copied onto a tmpfs in the order $3, and the copies take their place. Then goes to $4, with umask $5. */
const within = `
  mount -t tmpfs tmpfs /mnt
  for folder in "$1" "$2"; do
    copy=/mnt/\${folder##*/}
    (cd "$folder" && find . | LC_ALL=C sort "$3" | cpio -pdm --quiet "$copy") && mount --bind "$copy" "$folder" || exit
  done
  cd "$4"; umask "$5"; shift 5; exec "$@"`;

const kernel = await debianKernel("cloud");

async function build(name: string, options: readonly string[], circumstances: Circumstances): Promise<string> {
  const image = join(outFolder, "tests", name);
  mkdirSync(dirname(image), { recursive: true });
  const { folder, umask, order, environment } = circumstances;
  const folders = [kernel.modules, join(projectFolder, "modules.d")];
  const settings = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  await runAsRoot([
    ...["unshare", "--mount", "sh", "-c", within, "sh", ...folders, order, folder, umask],
    ...["env", ...settings, ...mkinitrdCommand(["-q", ...options], image, kernel)],
  ]);
  return image;
}

for (const options of [
  ["-N"],
  ["-N", "-a", "tmpfs-root"],
  ["-N", "--strip", "--gzip"],
  ["-N", "--compress", "xz -0"],
  ["-N", "--compress", "lzo -1"],
  ["-N", "--no-compress"],
]) {
  test(`two builds with ${options.join(" ")} are the same byte by byte, and for root's eyes only`, async () => {
    const first = await build("reproducible-first", options, here);
    const second = await build("reproducible-second", options, elsewhere);
    assert.ok(readFileSync(first).equals(readFileSync(second)));
    assert.equal(statSync(first).mode & 0o777, 0o600);
  });
}

test("SOURCE_DATE_EPOCH: nothing in the image is later", async () => {
  const environment = { ...here.environment, SOURCE_DATE_EPOCH: "86400" };
  const image = await build("reproducible-epoch", ["-N", "--no-compress"], { ...here, environment });
  const listed = (await run(["sh", "-c", `TZ=UTC LC_ALL=C cpio -itvn --quiet <${image}`])).trim().split("\n");
  assert.ok(listed.length > 100);
  for (const line of listed) assert.match(line, / Jan {2}2 +1970 /);
});
