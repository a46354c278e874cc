import { type Boot, errnoOf, hook } from "firstlight/hooks";
import { rootCommand } from "./command.js";

/** What moves into a new root at a switch. The boot that follows the command needs it where it is. */
const shared = ["/run", "/dev", "/proc", "/sys", "/tmp"];

/** Rejects with OpError: the root cannot be asked for the folder, or the mount is refused. */
async function share({ job, root, mounts, log }: Boot, path: string): Promise<void> {
  const isFolder = await job("statFile", { path, root: root.mountPoint, follow: false }).then(
    ({ type }) => type === "dir",
    (error) => {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    },
  );
  if (isFolder)
    await mounts.mount({ source: path, target: `${root.mountPoint}${path}`, type: "none", options: "rbind" });
  else log.warning(`the root has no directory ${path}: what is mounted there in the initramfs is not to be seen in it`);
}

const withoutInput = [["/dev/null"], ["/dev/console"], ["/dev/console"]] as const;

/** In place of the switch: so PID 1 stays, and learns how the command ends. */
export default hook({
  priority: 99,
  async run(boot) {
    const { argv, env, system, terminal, report } = rootCommand(boot);
    if (system) {
      boot.files.write(report, "status 0\n");
      return;
    }
    for (const path of shared) await share(boot, path);
    const program = { argv, env, cwd: "/", root: boot.root.mountPoint };
    boot.finish({ word: "run", program, ...(terminal ? {} : { streams: withoutInput }) });
  },
});
