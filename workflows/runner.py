"""The sandbox in which workers run conversations, and its cost.

The SDK's sandbox imports a workflow's module anew for each run, and enters itself several times for each payload. Both are slow,
and neither protects a conversation: its packages keep no state, and its data converter ignores the context of a payload. So the
packages pass through, and the questions about payloads are answered outside. Built-ins and imports stay restricted. ruff finds
calls that are not deterministic, such as `datetime.now`, in the packages (`banned-api` in `pyproject.toml`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

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
        return _Instance(self._sandbox.create_instance(det))

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        """See `WorkflowRunner`."""
        self._sandbox.set_worker_level_failure_exception_types(types)


class _Instance(WorkflowInstance):
    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(self, act: Any) -> Any:
        return self._sandboxed.activate(act)

    def get_info(self) -> Any:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:
        return StorageDriverStoreContext(target=None)
