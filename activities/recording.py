"""Writes the changes of conversations to the store, and announces them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from time import perf_counter
from uuid import UUID, uuid5

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.outages import store_may_be_away
from configuration.current import Configuration
from configuration.policies import workstream_policy
from configuration.schema.instances import InstanceSettings
from domain.checkpoints import Conflict, ConflictKind
from domain.policy import Policy
from routing.placement import OfferOver, write_placement
from runtime.bus import Announcement, Bus, routing_has_changed
from runtime.causes import CAUSES
from runtime.logs import CONTACT
from runtime.metrics import WorkerMetrics
from store.audit import AuditEntry, add_entries
from store.checkpoints import Step
from store.conversations import Written, write_conversation
from store.database import Database
from store.failures import cause_of, is_permanent
from store.item_writer import ItemWriter
from wire.items import item_with_contact
from workflows.contract import Commit, CommitResult, ConversationActivities, PolicyReference

logger = logging.getLogger(__name__)

_NAMESPACE = UUID("6b0f6cf8-6a4d-4d0a-9d1c-5a3c0f0e8b1e")
"""Of the ids of entries in the audit log."""

REMEMBERED_POLICIES = 1_000
"""A customer's language is part of the key, and it can be any text."""


class Recorder(ConversationActivities):
    """Implements the `record` activity on a store, a bus and the current configuration."""

    def __init__(
        self, db: Database, bus: Bus, configuration: Configuration, metrics: WorkerMetrics | None = None
    ) -> None:
        self._db = db
        self._metrics = metrics or WorkerMetrics()
        self._bus = bus
        self._configuration = configuration
        self._items = ItemWriter(db, self._metrics.shared_commits.observe)
        self._policies: dict[tuple[str, str, str], _PresentPolicy] = {}

    @activity.defn
    async def record(self, commit: Commit) -> CommitResult | None:
        """Writes the commit in one transaction, then announces the changes. Idempotent.

        Raises:
            ApplicationError: the workflow has another id than the conversation. An operator has started it by hand, with the
                input of another one. The workflow fails. Or the store is away, and the write is tried again.
        """
        if activity.in_activity() and activity.info().workflow_id != commit.conversation_id:
            raise ApplicationError("the id of the workflow must be that of its conversation", non_retryable=True)
        CONTACT.set(commit.conversation_id)
        with store_may_be_away(), CAUSES.get().span("commit"):
            written = await self._measured(commit)
        if written.conflict and written.conflict.kind is ConflictKind.REFUSED:
            return CommitResult(conflict=written.conflict)
        await self._announce(commit, written)
        if written.conflict:
            logger.warning("%s: a commit is decided again: %s", commit.conversation_id, written.conflict.kind)
            return CommitResult(conflict=written.conflict)
        end = written.transcript_end
        policy = self._changed_policy(commit.policy) if commit.policy else None
        if end is None and policy is None:
            return None
        return CommitResult(seq=end.seq if end else None, at=end.at if end else None, policy=policy)

    async def finish(self) -> None:
        """Wait until all writes have ended, also those of cancelled activities. The store must stay open until then."""
        await self._items.finish()

    async def _measured(self, commit: Commit) -> Written:
        began = perf_counter()
        try:
            written = await self._write_or_refuse(commit)
        except Exception:
            self._metrics.failed_commits.inc()
            raise
        self._metrics.note_commit(
            len(commit.items), has_record=commit.snapshot is not None, seconds=perf_counter() - began
        )
        if written.conflict:
            self._metrics.conflicts.labels(written.conflict.kind).inc()
        elif commit.snapshot and written.is_current:
            for offer in commit.snapshot.placement.ended_offers:
                self._metrics.offers_ended.labels(offer.outcome).inc()
        return written

    async def _write_or_refuse(self, commit: Commit) -> Written:
        """Writes the commit. What the store can never take is a conflict; all other failures are raised, and tried again."""
        cause = ""
        for _ in range(2):  # twice, because another attempt to write the same commit can have been in the way
            try:
                return await self._write(commit)
            except Exception as error:
                if not is_permanent(error):
                    raise
                cause = cause_of(error)
        return Written(conflict=Conflict(kind=ConflictKind.REFUSED, cause=cause), items_as_given=False)

    async def _write(self, commit: Commit) -> Written:
        step = _step(commit)
        if commit.snapshot is None and commit.opening is None and not commit.signals:
            if not commit.items and step is None:
                return Written()
            return await self._items.append(commit.conversation_id, commit.items, step)
        try:
            return await self._write_record(commit, step)
        except OfferOver as over:
            conflict = Conflict(kind=ConflictKind.OFFER_OVER, offer=over.offer)
            return Written(conflict=conflict, items_as_given=False)

    async def _write_record(self, commit: Commit, step: Step | None) -> Written:
        # alone, because a placement takes locks in an order that two of them in one transaction would break
        async with self._db.write() as connection:
            written = await write_conversation(
                self._db,
                connection,
                commit.conversation_id,
                opening=commit.opening,
                snapshot=commit.snapshot,
                items=commit.items,
                step=step,
                absent=commit.absent,
            )
            if commit.snapshot and written.is_current:
                await write_placement(self._db, connection, commit.snapshot.placement, datetime.now(UTC))
            if commit.signals and not written.conflict:
                await add_entries(self._db, connection, _audit_entries(commit))
        return written

    async def _announce(self, commit: Commit, written: Written) -> None:
        # notices come before all else: a client that receives `chat.ended` ignores later frames, and a changed record
        # can lead to it at once
        for notice in () if written.conflict else commit.notices:
            frame = item_with_contact(notice.item, commit.conversation_id)
            await self._bus.announce(Announcement(commit.conversation_id, frame, only_to=notice.to))
        if commit.snapshot:
            await self._bus.announce(Announcement(commit.conversation_id, record_changed=True))
            placement = commit.snapshot.placement
            await self._bus.announce(routing_has_changed(placement.instance, placement.queue))
        if commit.items:
            items = commit.items if written.items_as_given else ()
            traces = CAUSES.get().traceparents()
            await self._bus.announce(Announcement(commit.conversation_id, items=items, traces=traces))

    def _changed_policy(self, rules: PolicyReference) -> Policy | None:
        """Returns the workstream's present policy when it differs from the conversation's; else None.

        Also None when the workstream is gone or has the other mode now: the conversation keeps its policy.
        """
        instance = self._configuration.instances.get(rules.instance)
        workstream = instance.workstreams.get(rules.workstream) if instance else None
        if instance is None or workstream is None or workstream.mode != rules.mode:
            return None
        key = (rules.instance, rules.workstream, rules.language)
        present = self._policies.get(key)
        if present is None or present.instance is not instance:
            present = _PresentPolicy(instance, workstream_policy(instance, workstream, rules.language))
            if len(self._policies) >= REMEMBERED_POLICIES:
                self._policies.clear()
            self._policies[key] = present
        return None if present.fingerprint(rules.fixed) == rules.fingerprint else present.policy


def _audit_entries(commit: Commit) -> list[AuditEntry]:
    """The entries of the audit log about a commit. A repeated commit has the same ids."""
    run = commit.checkpoint and (commit.checkpoint.run_id, commit.checkpoint.number)
    return [
        AuditEntry(
            id=str(uuid5(_NAMESPACE, f"{commit.conversation_id}/{run}/{number}")),
            instance=signal.instance,
            at=signal.at,
            actor=f"operator:{signal.by}",
            action=f"signal_{signal.kind}",
            target=signal.contact_id,
            counts={"refused": int(signal.refused)},
        )
        for number, signal in enumerate(commit.signals)
    ]


def _step(commit: Commit) -> Step | None:
    if commit.checkpoint is None:
        return None
    return Step(commit.conversation_id, commit.checkpoint, commit.before, commit.whole)


class _PresentPolicy:
    """The policy of a workstream in one language, with its fingerprints, until the configuration changes."""

    def __init__(self, instance: InstanceSettings, policy: Policy) -> None:
        self.instance = instance
        self.policy = policy
        self._fingerprints: dict[tuple[str, ...], str] = {}

    def fingerprint(self, fixed: tuple[str, ...]) -> str:
        """The fingerprint of the policy without its fixed fields."""
        if fixed not in self._fingerprints:
            self._fingerprints[fixed] = self.policy.fingerprint(fixed)
        return self._fingerprints[fixed]
