import type { Log } from "../../hooks/index.js";
import { coldplug } from "./coldplug.js";
import { instant } from "./door.js";
import { files } from "./files.js";
import type { Services } from "./services.js";

/** Bytes of the uevents' socket buffer, enough for the storm of a machine with thousands of devices. */
const ueventBuffer = 16 << 20;

/** Milliseconds, as udev's. */
const mediaPollInterval = 2000;

/** Milliseconds that the first look at all devices may take. */
const longestFirstLook = 10_000;

/** Uevents first, then the walk of /sys: nothing that comes in between is missed. Ends when all that is there has been looked at. */
export async function findDevices({ devices, drivers, wants, loop, log }: Services): Promise<void> {
  instant("listenUevents", { receiveBuffer: ueventBuffer });
  loop.listen((event) => {
    if (event.type === "uevents-lost") coldplug(drivers, devices, log);
    else if (event.type === "uevent") {
      const { MODALIAS: modalias, SUBSYSTEM: subsystem } = event.properties;
      if (event.action === "add" && modalias) drivers.request(modalias);
      if (subsystem === "block") devices.handle(event);
    }
    wants.retry("event");
  });
  await drivers.loadFirst();
  coldplug(drivers, devices, log);
  await devices.settled(longestFirstLook);
  for (const name of devices.probing()) log.warning(`/dev/${name} does not answer: the boot goes on without it`);
  // Not before all drivers have had their chance: few boots wait for a medium.
  void drivers.rest().then(() => wants.waiting() && pollMedia(log));
  await drivers.loadLast();
}

/** Has the kernel look for media that are put into drives, as udev's 60-block.rules does: by itself it looks only when one is opened. */
export function pollMedia(log: Log): void {
  try {
    files.write("/sys/module/block/parameters/events_dfl_poll_msecs", String(mediaPollInterval));
  } catch (error) {
    log.debug(`media that are put into drives are not noticed: ${error}`);
  }
}
