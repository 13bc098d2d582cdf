"""The version of the rules by which a run decides, and how to change the rules of running conversations.

A run keeps the version with which it began, because its history must replay to the same commands and the same decisions. The
next run, after continue-as-new, begins under the present version.

| version | rule |
|---|---|
| 1 | a run continues as new before it works |
| 2 | a run continues as new after it has worked, and after a regular activity (`Conversation._continue_as_new`) |
| 3 | a survey understands punctuation around answers; a waiting conversation can be transferred; writes count (`RunLength`) |
| 4 | an open socket outweighs a late report (`Commit.absent`); a connect has its own instant; `Timer.ASSIGNED` |
| 5 | the bytes of signals count (`RunLength`); a run hands over up to 1 MB of events; a round has a limit (`ROUND_ENTRIES`) |
| 6 | only the loop of the workflow sets timers (`DeadlineTimer`) |
| 7 | supervisors join (`Barge`) |

To add version 8:

1. Set `RULES_VERSION = 8` and decide it by a patch: `if workflow.patched("rules-8"): return 8`, before the other versions.
2. Branch on `state.rules_version` at each rule that differs, and nowhere else.
3. Add a scenario to `tests/replay/scenarios.py` and record it with `make histories`. The histories of older versions stay.
4. Replace all workers. New conversations begin under version 8. Busy ones move by themselves; the signal `renew` moves the rest.

To retire version 1:

1. Count its runs: `temporal workflow count --query "ChatRulesVersion = '1' AND ExecutionStatus = 'Running'"`. Send `renew` to
   the same query until there are none.
2. Wait for the retention of the namespace, during which a query of the Temporal UI still replays closed runs.
3. Delete the branches and the histories of version 1, and replace `workflow.patched("rules-2")` by
   `workflow.deprecate_patch("rules-2")`. Delete that call too after another such wait.

`tests/replay/test_rules_versions.py` demonstrates these steps with a version 8.
"""

from __future__ import annotations

from temporalio import workflow

RULES_VERSION = 7
"""The present version of the rules."""


def decide_rules_version() -> int:
    """Decide the version of this run. Called once, when the run begins; its own history decides when it replays.

    The input of the run does not decide: while workers are replaced, an older worker can begin a run that a newer process
    started.
    """
    if workflow.patched("rules-7"):
        return RULES_VERSION
    if workflow.patched("rules-6"):
        return 6
    if workflow.patched("rules-5"):
        return 5
    if workflow.patched("rules-4"):
        return 4
    if workflow.patched("rules-3"):
        return 3
    return 2 if workflow.patched("rules-2") else 1
