/**
 * Every command, by its words. Written by `npm run derived` from the files beside it: a release has no folder to look into.
 */
import type { Commands } from "../command-line/declaration.ts";
import blueprintDeploy from "./blueprint/deploy.ts";
import blueprintDestroy from "./blueprint/destroy.ts";
import blueprintInit from "./blueprint/init.ts";
import blueprintPreflight from "./blueprint/preflight.ts";
import blueprintStatus from "./blueprint/status.ts";
import blueprintValidate from "./blueprint/validate.ts";
import completion from "./completion.ts";
import dispatch from "./dispatch.ts";
import dispatchAbandon from "./dispatch/abandon.ts";
import dispatchAttach from "./dispatch/attach.ts";
import dispatchCancel from "./dispatch/cancel.ts";
import dispatchStatus from "./dispatch/status.ts";
import doctorHost from "./doctor/host.ts";
import evidenceList from "./evidence/list.ts";
import evidenceVerify from "./evidence/verify.ts";
import initProxmox from "./init/proxmox.ts";
import netboxAudit from "./netbox/audit.ts";
import netboxBootstrap from "./netbox/bootstrap.ts";
import preflight from "./preflight.ts";
import rebuild from "./rebuild.ts";
import releaseBuild from "./release/build.ts";
import secretsEnsure from "./secrets/ensure.ts";
import stateShow from "./state/show.ts";
import trust from "./trust.ts";

export const commands: Commands = {
  "blueprint deploy": blueprintDeploy,
  "blueprint destroy": blueprintDestroy,
  "blueprint init": blueprintInit,
  "blueprint preflight": blueprintPreflight,
  "blueprint status": blueprintStatus,
  "blueprint validate": blueprintValidate,
  "completion": completion,
  "dispatch": dispatch,
  "dispatch abandon": dispatchAbandon,
  "dispatch attach": dispatchAttach,
  "dispatch cancel": dispatchCancel,
  "dispatch status": dispatchStatus,
  "doctor host": doctorHost,
  "evidence list": evidenceList,
  "evidence verify": evidenceVerify,
  "init proxmox": initProxmox,
  "netbox audit": netboxAudit,
  "netbox bootstrap": netboxBootstrap,
  "preflight": preflight,
  "rebuild": rebuild,
  "release build": releaseBuild,
  "secrets ensure": secretsEnsure,
  "state show": stateShow,
  "trust": trust,
};
