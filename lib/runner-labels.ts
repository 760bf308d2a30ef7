/**
 * A runner's labels: the names that jobs ask for with `runs-on`, and where a job with each of them runs. Pure.
 *
 * What a label without a scheme means differs between versions of the runner: before 8 it is the place where the runner
 * is, with the runner's token in it. So none is ever left to the runner.
 */
import { isImage } from "./container-image.ts";

const docker = "docker://";

/** Whether the text is a label as the configuration spells it. */
export function isLabel(text: string): boolean {
  const [, scheme] = /^[\w.-]+(?::(.+))?$/.exec(text) ?? [undefined, "none"];
  if (scheme === undefined || scheme === "host" || /^lxc:\/\/\S+$/.test(scheme)) return true;
  return scheme.startsWith(docker) && isImage(scheme.slice(docker.length));
}

/** What jobs ask for. */
export function labelName(label: string): string {
  return label.split(":")[0] ?? label;
}

/** Whether jobs with it run where the runner itself does, and can read what it can. */
export function runsBesideRunner(label: string): boolean {
  return schemeOf(label) === "host";
}

/** The image that jobs with it run in; undefined where they run in none. */
export function imageOf(label: string, jobImage: string | undefined): string | undefined {
  const scheme = schemeOf(label);
  if (scheme === "") return jobImage;
  return scheme.startsWith(docker) ? scheme.slice(docker.length) : undefined;
}

/** The label as the runner is told it, with where its jobs run. */
export function withScheme(label: string, image: string | undefined): string {
  return image === undefined ? label : `${labelName(label)}:${docker}${image}`;
}

function schemeOf(label: string): string {
  return label.slice(labelName(label).length + 1);
}
