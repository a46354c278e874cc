import { moduleSetup } from "firstlight/hooks";

const text = { type: "string" } as const;

export default moduleSetup({
  // A machine that has its root on virtiofs needs it; else: mkinitrd -a virtiofs, or -m virtiofs.
  check: ({ fileSystems }) => (fileSystems.includes("virtiofs") ? "include" : "on-request"),
  depends: () => ["base", "overlayfs"],
  root: [
    { form: "virtiofs:TAG", matches: "^virtiofs:." },
    { form: "TAG", matches: ".", type: "virtiofs" },
    { form: "TAG", matches: "", parameter: "rootfs" },
  ],
  parameters: {
    rootfs: { schema: text, form: "TAG" },
    mount: { schema: text, form: "TAG", repeated: true },
    "mount-ro": { schema: text, form: "TAG", repeated: true },
  },
  installkernel(image) {
    // No device asks for the transports: they are what asks for virtiofs.
    image.drivers(["virtiofs", "virtio_pci", "virtio_mmio"], { always: true });
  },
});
