/**
 * Everything that the routes of the simulated Proxmox VE work on, in one place.
 */
import type { Faults } from "./faults.ts";
import type { Permissions } from "./permissions.ts";
import type { SimulatedVm, State } from "./state.ts";
import type { Tasks } from "./tasks.ts";

/** What the lab does when a VM starts and stops, for example to put a real sshd where the VM's address is. */
export interface MachineHooks {
  /**
   * Gives a network device with DHCP its address, with prefix length. Asked again for each start: the same MAC address
   * should get the same answer.
   */
  lease(mac: string, bridge: string): string;
  /** Runs in the task that starts the VM, once its addresses are known; an error fails the task. */
  onStart(vm: SimulatedVm): void | Promise<void>;
  /** Runs in the task that stops the VM. */
  onStop(vm: SimulatedVm): void | Promise<void>;
  /** Runs in the task that destroys the VM with its disks, or takes back one that could not be made. */
  onDestroy(vm: SimulatedVm): void | Promise<void>;
}

/** The cluster with what makes it act. */
export interface Cluster {
  readonly state: State;
  readonly tasks: Tasks;
  readonly faults: Faults;
  readonly permissions: Permissions;
  readonly hooks: MachineHooks;
  /** Milliseconds from a VM's start until its agent answers. */
  readonly agentMs: number;
}
