"""One job: its steps in order, and their report to the forge."""
import base64
import json
import os
import re
import threading
import time
import traceback

from actions import Action, Unsupported
from docker import Docker, DockerError
from places import Container, Host
from protocol import CANCELLED, FAILURE, SKIPPED, SUCCESS, VERSION, Refused, log, timestamp
from settings import DEFAULT_IMAGE, assignments


def expand(text, contexts):
    """Replaces ${{ context.name }}. Anything more than a dotted path or a quoted string is refused, not guessed."""
    def value_of(match):
        expression = match[1].strip()
        if literal := re.fullmatch(r"'([^']*)'", expression):
            return literal[1]
        if not re.fullmatch(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)+", expression):
            raise Unsupported(f"the expression ${{{{ {expression} }}}}")
        head, *path = expression.split(".")
        found = contexts.get("github" if head in ("forgejo", "gitea", "forge") else head)
        if found is None:
            raise Unsupported(f"the context {head} in ${{{{ {expression} }}}}")
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return "" if found is None else json.dumps(found) if isinstance(found, (dict, list, bool)) else str(found)
    return re.sub(r"\$\{\{(.*?)\}\}", value_of, str(text))


class Job:
    """One task of the forge: runs its steps in order and reports them."""

    def __init__(self, forge, config, labels, name, task):
        self.forge, self.config, self.labels, self.name, self.task = forge, config, labels, name, task
        self.rows, self.sent, self.lock = [], 0, threading.Lock()
        self.state = {"id": task["id"], "startedAt": timestamp(), "steps": []}
        self.cancelled = threading.Event()  # the forge or a shutdown says stop
        self.cancel_result = CANCELLED
        self.deadline, self.overdue = time.monotonic() + config.timeout, False
        self.ended = threading.Event()

    def say(self, line):
        for secret in (self.task.get("secrets") or {}).values():
            if secret:
                line = line.replace(secret, "***")
        with self.lock:
            self.rows.append({"time": timestamp(), "content": line})

    def refuse(self, error):
        self.say(f"::error::holdfast lab stand-in: {error} is not supported; the official runner has it")
        return FAILURE

    def run(self):
        threading.Thread(target=self.report_regularly, daemon=True).start()
        try:
            result = self.run_job()
        except Unsupported as error:
            result = self.refuse(error)
        except DockerError as error:
            self.say(f"::error::{error}")
            result = FAILURE
        except Exception:  # a defect of the stand-in must turn the job red, not leave it running
            self.say(traceback.format_exc())
            result = FAILURE
        self.ended.set()
        self.state.update(result=result, stoppedAt=timestamp())
        self.say(f"Job {result.removeprefix('RESULT_').lower()}")
        self.report_end()
        log("info", f"task {self.task['id']} ended: {result}")

    def run_job(self):
        import yaml
        workflow = yaml.safe_load(base64.b64decode(self.task["workflowPayload"]))
        (job_id, job), = workflow["jobs"].items()
        steps = job.get("steps") or []
        self.state["steps"] = [{"id": str(index)} for index in range(len(steps))]
        self.deadline = time.monotonic() + min(self.config.timeout, 60 * float(job.get("timeout-minutes") or 1e6))
        place = self.place(job_id, job)
        try:
            self.say(f"{self.name} (holdfast lab stand-in {VERSION}) runs job {job_id} of task {self.task['id']} {place.description}")
            return self.run_steps(workflow, job_id, job, steps, place)
        finally:
            place.close()

    def place(self, job_id, job):
        """Where the job's first label that this runner has says that it runs."""
        wanted = job.get("runs-on") or []
        wanted = [wanted] if isinstance(wanted, str) else wanted
        label = next((label for name in wanted for label in self.labels if label.name == name), None)
        if label and label.scheme == "host":
            return Host(self.config.host_workdir, f"task-{self.task['id']}-")
        container = job.get("container") or {}
        container = {"image": container} if isinstance(container, str) else container
        if unknown := set(container) - {"image", "volumes"}:
            raise Unsupported(f"`container: {sorted(unknown)[0]}`")
        image = container.get("image") or (label.image if label else DEFAULT_IMAGE)
        repository = (self.task.get("context") or {}).get("repository") or "repository"
        name = f"FORGEJO-ACTIONS-TASK-{self.task['id']}-JOB-{re.sub(r'[^A-Za-z0-9_.-]', '-', job_id)}"
        docker = Docker(self.config.find_docker() or "unix:///var/run/docker.sock")
        return Container(docker, self.config, name, image, repository, container.get("volumes") or [], self.say)

    def run_steps(self, workflow, job_id, job, steps, place):
        github = dict(self.task.get("context") or {}, workspace=place.workspace, job=job_id)
        contexts = {"github": github, "secrets": self.task.get("secrets") or {}, "vars": self.task.get("vars") or {},
                    "needs": self.task.get("needs") or {}, "runner": {"os": "Linux", "temp": place.environment["RUNNER_TEMP"]},
                    "steps": {}, "env": {}, "matrix": (job.get("strategy") or {}).get("matrix") or {}}
        for scope in (workflow.get("env"), job.get("env")):
            contexts["env"].update({key: expand(value, contexts) for key, value in (scope or {}).items()})
        result = SUCCESS
        for index, step in enumerate(steps):
            state = self.state["steps"][index]
            state["logIndex"] = str(len(self.rows))
            if self.cancelled.is_set():
                result = CANCELLED
            if not self.wanted(step.get("if"), result):
                state.update(result=SKIPPED)
            else:
                state["startedAt"] = timestamp()
                try:
                    state["result"] = self.run_step(step, contexts, place, index)
                except Unsupported as error:
                    state["result"] = self.refuse(error)
                state["stoppedAt"] = timestamp()
                if state["result"] != SUCCESS and result == SUCCESS and not step.get("continue-on-error"):
                    result = state["result"]
            state["logLength"] = str(len(self.rows) - int(state["logIndex"]))
        return self.cancel_result if self.cancelled.is_set() else result

    def wanted(self, condition, result):
        text = str(condition if condition is not None else "success()").replace("${{", "").replace("}}", "").strip()
        answers = {"always()": True, "true": True, "True": True, "false": False, "False": False,
                   "success()": result == SUCCESS, "failure()": result == FAILURE, "cancelled()": result == CANCELLED,
                   "!cancelled()": result != CANCELLED}
        if text not in answers:
            raise Unsupported(f"the condition `if: {text}`")
        return answers[text] and not (result == CANCELLED and text == "success()")

    def run_step(self, step, contexts, place, index):
        local = dict(contexts, env=dict(contexts["env"]))
        local["env"].update({key: expand(value, local) for key, value in (step.get("env") or {}).items()})
        self.say(f"::group::Run {step.get('name') or step.get('uses') or step['run'].splitlines()[0]}")
        command = self.command_of(step, local, place, index)
        files = {name: place.write(f"step-{index}.{name}", b"") for name in ("ENV", "OUTPUT", "PATH", "STEP_SUMMARY")}
        code = place.run(command, self.environment(local, files, place), step.get("working-directory") or "", self.say, self.must_end)
        self.say("::endgroup::")
        if not self.must_end(0):
            contexts["env"].update(assignments(place.read(files["ENV"]).decode()))
            if step.get("id"):
                contexts["steps"][step["id"]] = {"outputs": assignments(place.read(files["OUTPUT"]).decode())}
        if code != 0 and not self.cancelled.is_set():
            self.say(f"::error::exit status {code}")
        return CANCELLED if self.cancelled.is_set() else SUCCESS if code == 0 else FAILURE

    def command_of(self, step, local, place, index):
        if "uses" in step:
            server = local["github"].get("forgejo_default_actions_url") or local["github"].get("gitea_default_actions_url")
            main, inputs = Action(step["uses"], server).install(place)
            inputs.update({name: expand(value, local) for name, value in (step.get("with") or {}).items()})
            local["env"].update({f"INPUT_{name.replace(' ', '_').upper()}": str(value) for name, value in inputs.items() if value is not None})
            return ["node", main]
        shells = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"], "sh": ["sh", "-e"]}
        if step.get("shell") not in shells:
            raise Unsupported(f"`shell: {step['shell']}`")
        return shells[step.get("shell")] + [place.write(f"step-{index}.sh", expand(step["run"], local).encode())]

    def environment(self, contexts, files, place):
        github = contexts["github"]
        values = {"CI": "true", "RUNNER_OS": "Linux"}
        plain = {key.upper(): value for key, value in github.items() if isinstance(value, str)}
        plain.update(ACTIONS="true", **files)
        for prefix in ("GITHUB_", "FORGEJO_", "GITEA_"):
            values.update({prefix + key: value for key, value in plain.items() if key not in ("TOKEN", "GITEA_RUNTIME_TOKEN")})
        token = github.get("token") or ""
        values.update(GITHUB_TOKEN=token, FORGEJO_TOKEN=token)
        return {**place.environment, **self.config.envs, **values, **{k: str(v) for k, v in contexts["env"].items()}}

    def must_end(self, pause):
        """Whether the job was cancelled or has taken too long; waits `pause` seconds for that."""
        if self.cancelled.wait(pause):
            return True
        if time.monotonic() > self.deadline and not self.overdue:
            self.overdue = True
            self.say("::error::the job took too long")
        return self.overdue

    def cancel(self, reason, result=CANCELLED):
        self.say(f"::error::cancelled: {reason}")
        self.cancel_result = result
        self.cancelled.set()

    def report_regularly(self):
        while not self.ended.wait(self.config.report_interval):
            try:
                self.send_rows(False)
                answer = self.forge.call("UpdateTask", {"state": self.state})
                if (answer.get("state") or {}).get("result") == CANCELLED and not self.cancelled.is_set():
                    self.cancel("the forge asked for it")
            except Refused as error:
                log("warning", f"cannot report task {self.task['id']}: {error}")

    def send_rows(self, last):
        with self.lock:
            rows = self.rows[self.sent:]
        if rows or last:
            body = {"taskId": self.task["id"], "index": str(self.sent), "rows": rows, "noMore": last}
            self.sent = int(self.forge.call("UpdateLog", body).get("ackIndex", 0))

    def report_end(self):
        for _ in range(30):
            try:
                self.send_rows(False)
                self.send_rows(True)
                self.forge.call("UpdateTask", {"state": self.state})
                return
            except Refused as error:
                log("warning", f"cannot report the end of task {self.task['id']}: {error}")
                time.sleep(2)
