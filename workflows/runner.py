"""The sandbox in which workers run conversations, and its cost.

The SDK's sandbox imports a workflow's module anew for each run. It enters itself for each task, and several times for each
payload, and compiles the lines that do so each time. All this is slow, and none of it protects a conversation: its packages keep
no state, and its data converter ignores the context of a payload. So the packages pass through, the lines are compiled once, and
the context is asked for outside of the sandbox. Built-ins and imports stay restricted. ruff finds calls that are not
deterministic, such as `datetime.now`, in the packages (`banned-api` in `pyproject.toml`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import CodeType
from typing import Any

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.worker.workflow_sandbox._runner import _Instance  # pyright: ignore[reportPrivateUsage]

PACKAGES = ("domain", "workflows")
"""The packages that a conversation runs. They may only use what is deterministic."""


class ConversationRunner(WorkflowRunner):
    """Runs workflows whose packages are deterministic and whose data converter ignores the context of a payload."""

    def __init__(self) -> None:
        restrictions = SandboxRestrictions.default.with_passthrough_modules(*PACKAGES)
        self._sandbox = SandboxedWorkflowRunner(restrictions=restrictions)

    def prepare_workflow(self, defn: Any) -> None:
        """See `WorkflowRunner`."""
        self._sandbox.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """See `WorkflowRunner`."""
        return _Sandboxed(det, self._sandbox.runner_class, self._sandbox.restrictions)

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        """See `WorkflowRunner`."""
        self._sandbox.set_worker_level_failure_exception_types(types)


class _Sandboxed(_Instance):
    def _run_code(self, code: str, **extra_globals: Any) -> None:
        super()._run_code(_compiled(code), **extra_globals)  # pyright: ignore[reportArgumentType]

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:
        return StorageDriverStoreContext(target=None)


@cache
def _compiled(code: str) -> CodeType:
    return compile(code, "sandbox", "exec")
