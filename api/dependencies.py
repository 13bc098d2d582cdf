"""Dependencies of the operations: the parts of the API process, built once and passed to every request."""

from __future__ import annotations

from asyncio import Event
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.client_tokens import ClientTokens
from api.current_keys import CurrentKeys
from api.foreign_tokens import ForeignTokens
from api.key_sets import KeySets
from api.paths import resource_id
from api.request_limits import RequestLimits
from api.single_use import SingleUse
from api.tokens import Tokens
from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from domain.errors import NotFound
from engine.attachments import Attachments
from engine.client import ConversationClient
from engine.erasure import Erasure
from engine.retention import Retention
from realtime.accepted_messages import AcceptedMessages
from realtime.agent_event_feed import AgentEventFeed
from realtime.connections import ConnectionTracker
from realtime.feed_waits import FeedWaits
from realtime.open_sockets import OpenSockets
from realtime.sessions import Sessions
from realtime.transcript_feed import TranscriptFeed
from routing.connection_reports import ConnectionReports
from routing.dispatcher import Dispatcher
from routing.monitoring import Monitoring
from routing.queue_positions import QueuePositions
from runtime.bus import Bus
from runtime.health import Readiness
from runtime.logs import INSTANCE
from runtime.metrics import ApiMetrics
from runtime.periodic import PeriodicTask, PeriodicTasks, Startable
from runtime.settings import Settings
from store.database import Database
from store.receipt_writer import ReceiptWriter
from webhooks.receivers import Receivers


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the API process."""

    settings: Settings
    configuration: Configuration
    db: Database
    engine: ConversationClient
    bus: Bus
    tokens: Tokens
    keys: CurrentKeys
    key_sets: KeySets
    foreign_tokens: ForeignTokens
    client_tokens: ClientTokens
    single_use: SingleUse
    limits: RequestLimits
    sessions: Sessions
    transcripts: TranscriptFeed
    agent_events: AgentEventFeed
    feed_waits: FeedWaits
    receivers: Receivers
    connection_reports: ConnectionReports
    monitoring: Monitoring
    connections: ConnectionTracker
    accepted_messages: AcceptedMessages
    receipts: ReceiptWriter
    dispatcher: Dispatcher
    queue_positions: QueuePositions
    readiness: Readiness
    metrics: ApiMetrics
    open_sockets: OpenSockets
    erasure: Erasure
    attachments: Attachments
    retention: Retention
    stopping: Event
    """Is set once the process takes no new connections."""

    @property
    def background(self) -> tuple[Startable, ...]:
        """The parts that run in the background, in the order in which they start."""
        return (
            self.receipts,
            self.transcripts,
            self.agent_events,
            self.connection_reports,
            self.monitoring,
            self.connections,
            self.dispatcher,
            self.queue_positions,
            self.client_tokens,
            self.single_use,
            self.retention,
            self.attachments,
            self.keys,
            self.key_sets,
        )

    @property
    def loops(self) -> tuple[PeriodicTask, ...]:
        """All periodic tasks of the process."""
        parts = (self.configuration, *self.background)
        return tuple(loop for part in parts if isinstance(part, PeriodicTasks) for loop in part.loops)

    def instance(
        self, name_or_arn: str, allowed: frozenset[str], member: str = "InstanceId"
    ) -> tuple[str, InstanceSettings]:
        """Return the id and the current configuration of an instance, given by id or ARN.

        Args:
            name_or_arn: id or ARN of the instance.
            allowed: ids of the instances of the caller's key; empty means all.
            member: the member of the request that names the instance, for the message.

        Raises:
            NotFound: the instance does not exist, or the caller's key is for others: a key does not learn which others exist.
        """
        name = resource_id(name_or_arn)
        instance = self.configuration.instances.get(name)
        if instance is None or (allowed and name not in allowed):
            raise NotFound(f"{member}: there is no instance {name!r} for this access key.")
        INSTANCE.set(name)
        return name, instance


async def services(connection: HTTPConnection) -> Services:
    """Return the parts of the process that serves this connection."""
    found: Services = connection.app.state.services
    return found


ServicesInRequest = Annotated[Services, Depends(services)]
