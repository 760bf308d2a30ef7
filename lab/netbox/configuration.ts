/**
 * The configuration of a NetBox of the lab: everything over sockets in its own directory, nothing that asks the internet.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writePrivately } from "../secrets.ts";

/** Secrets of one NetBox, made up at its first start. */
export interface NetboxSecrets {
  secretKey: string;
  /** Turns a v2 token into what the database holds of it. */
  pepper: string;
}

/** Secrets as long as NetBox wants them. */
export function newSecrets(): NetboxSecrets {
  return { secretKey: randomBytes(40).toString("hex"), pepper: randomBytes(40).toString("hex") };
}

/** Where NetBox looks for its configuration, below its `NETBOX_ROOT`. */
export function configurationDirectory(directory: string): string {
  return join(directory, "conf");
}

/** Name of the module with the application that gunicorn serves; in the directory of the configuration. */
export const wsgiModule = "lab_wsgi";

/** Writes `configuration.py`, and the application: NetBox, and the files that its pages need, which it leaves to others. */
export function writeConfiguration(directory: string, secrets: NetboxSecrets): void {
  const place = configurationDirectory(directory);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  writePrivately(join(place, "configuration.py"), configurationFile(secrets, directory));
  writePrivately(join(place, `${wsgiModule}.py`), wsgi);
}

const wsgi = `from netbox.wsgi import application as netbox
from django.conf import settings
from whitenoise import WhiteNoise

application = WhiteNoise(netbox)
for entry in settings.STATICFILES_DIRS:
    if not isinstance(entry, tuple):
        application.add_files(str(entry), prefix="static/")
`;

/** @param sockets directory with PostgreSQL's and Redis's sockets. */
function configurationFile({ secretKey, pepper }: NetboxSecrets, sockets: string): string {
  const redis = (database: number) => `{"URL": "unix://${sockets}/redis.sock?db=${database}"}`;
  return `ALLOWED_HOSTS = ["*"]
DATABASES = {"default": {"NAME": "netbox", "USER": "netbox", "HOST": "${sockets}", "CONN_MAX_AGE": 300}}
REDIS = {"tasks": ${redis(0)}, "caching": ${redis(1)}}
SECRET_KEY = "${secretKey}"
API_TOKEN_PEPPERS = {1: "${pepper}"}
ISOLATED_DEPLOYMENT = True
CENSUS_REPORTING_ENABLED = False
RELEASE_CHECK_URL = None
RAM_BASE_UNIT = 1024
DISK_BASE_UNIT = 1024
PLUGINS = []
`;
}
