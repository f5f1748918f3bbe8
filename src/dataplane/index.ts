/** The XDP data plane: implements ForwardingPlane, and hands out the probe replies. */
import { DataPlane, type DataPlaneOptions } from './data-plane.js';

export { DataPlane, DEFAULT_OBJECT_FILE, type DataPlaneOptions } from './data-plane.js';
export { pinDirectories, unload as unloadDataplane } from './pins.js';

/** Loads the program or takes over what an earlier run pinned; attaches nothing before the first `apply`. @throws DetourError */
export function openDataplane(options: DataPlaneOptions): DataPlane {
  return DataPlane.open(options);
}
