"""A workflow that reads a file. The sandbox imports this module anew, so it imports nothing with a C extension."""

from __future__ import annotations

from temporalio import workflow
from temporalio.worker.workflow_sandbox import RestrictedWorkflowAccessError


@workflow.defn
class FileReader:
    """Reads its own file, if the sandbox lets it."""

    @workflow.run
    async def run(self) -> str:
        """Return the text of the file, or `restricted`."""
        try:
            with open(__file__) as file:
                return file.read()
        except RestrictedWorkflowAccessError:
            return "restricted"
