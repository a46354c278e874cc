import { hook } from "firstlight/hooks";

/**
 * What the module example does in the boot: in the phase pre-mount, once the devices are there and before the root is mounted, because that is
 * the file's name. It runs in QuickJS, and reaches the machine through what `run` is given and nothing else.
 */
export default hook({
  run({ parameters, files, log }) {
    const word = parameters.text("rd.example");
    // An image is for many boots: a hook that nobody has asked for does nothing.
    if (word === undefined) return;
    // What is thrown here stops the boot with a report; a BootError brings its own remedy along.
    log.info(`example says ${files.read("/etc/example.conf").trim()} ${word}`);
  },
});
