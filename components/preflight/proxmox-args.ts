/**
 * What the preflight on Proxmox VE is asked to look at: given by the program, looked at by the plugin.
 */

/** A template that the stack wants. */
export interface WantedTemplate {
  key: string;
  name: string;
  /** Absent: the next free id. */
  vmId?: number | undefined;
  node: string;
  /** Storage of its disks. */
  diskStorage: string;
  bridge: string;
  pool?: string | undefined;
  /** Its tags: owner mark, digest and key. */
  tags: string[];
  /** Id under which the stack's state has it. */
  recordedVmId?: number | undefined;
}

/** Everything that must hold before templates are made. Holds no secret. */
export interface ProxmoxPreflightArgs {
  /** `<project>/<stack>`, for messages. */
  stack: string;
  /** Our owner mark. */
  owner: string;
  /** Storage of the images. */
  imageStorage: string;
  /** Whether a template may be replaced while VMs are linked to it. */
  allowDestroyWithClones: boolean;
  templates: WantedTemplate[];
}

/** A VM that a pool wants. */
export interface WantedVm {
  /** Logical name. */
  key: string;
  /** Physical name. */
  name: string;
  /** Absent: the next free id. */
  vmId?: number | undefined;
  /** Id under which the stack's state has it. */
  recordedVmId?: number | undefined;
}

/** Everything that must hold on a cluster before a pool's VMs are made. Holds no secret. */
export interface PoolPreflightArgs {
  /** `<project>/<stack>`, for messages. */
  stack: string;
  /** Our owner mark. */
  owner: string;
  vms: WantedVm[];
  /** What is cloned, and who said so. */
  templates: { vmId: number; source: string }[];
  /** Where user data is put; absent: nowhere. */
  snippets?: WantedSnippets | undefined;
  /** Whether this is an update, which removes clones that one left that was cut off. Default: nothing is changed. */
  update?: boolean | undefined;
}

/** Where a pool's user data is put. */
export interface WantedSnippets {
  storage: string;
  /** Address of the host that writes it. */
  host: string;
  /** Nodes of the VMs, which read it. */
  nodes: string[];
}
