"""The forge's runner protocol, and the words that everything here says to its log."""
import datetime
import json
import sys
import urllib.error
import urllib.request

VERSION = "v12.0.0-holdfast-lab-stand-in"
SUCCESS, FAILURE, CANCELLED, SKIPPED = "RESULT_SUCCESS", "RESULT_FAILURE", "RESULT_CANCELLED", "RESULT_SKIPPED"


def log(level, message, **fields):
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    more = "".join(f" {name}={json.dumps(str(value))}" for name, value in fields.items())
    print(f'time="{now}" level={level} msg={json.dumps(message)}{more}', file=sys.stderr, flush=True)


def timestamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Refused(Exception):
    """The forge answered with an error."""


class Forge:
    """The runner service of a forge."""

    def __init__(self, address, identity="", token=""):
        self.base = address.rstrip("/") + "/api/actions/runner.v1.RunnerService/"
        self.headers = {"Content-Type": "application/json", "Connect-Protocol-Version": "1",
                        "x-runner-uuid": identity, "x-runner-token": token}

    def call(self, method, body, timeout=30):
        request = urllib.request.Request(self.base + method, json.dumps(body).encode(), self.headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            try:
                answer = json.load(error)
            except ValueError:
                answer = {}
            raise Refused(f"{answer.get('code', error.code)}: {answer.get('message', error.reason)}") from None
        except (OSError, ValueError) as error:
            raise Refused(f"unavailable: {error}") from None
