"""The endpoints that the configuration has at present."""

from __future__ import annotations

from collections.abc import Iterator

from configuration.current import Configuration
from store.database import Database
from store.webhooks import WebhookKey
from webhooks.endpoints import Endpoint
from webhooks.feed_endpoint import FeedEndpoint, Remembered
from webhooks.streamed_chats import StreamedChats
from webhooks.topic_endpoint import TopicEndpoint


class ConfiguredEndpoints:
    """The webhooks and topics of all instances."""

    def __init__(self, db: Database, configuration: Configuration, chats: StreamedChats) -> None:
        self._db, self._configuration, self._chats = db, configuration, chats
        self._remembered: Remembered = {}

    def __iter__(self) -> Iterator[WebhookKey]:
        for instance, settings in self._configuration.instances.items():
            for name in (*settings.webhooks, *settings.topics):
                yield WebhookKey(instance, name)

    def find(self, key: WebhookKey) -> Endpoint | None:
        """Return an endpoint; None when the configuration does not have it."""
        instance = self._configuration.instances.get(key.instance)
        if instance is None:
            return None
        if webhook := instance.webhooks.get(key.name):
            return FeedEndpoint(self._db, key, webhook, self._remembered)
        topic = instance.topics.get(key.name)
        return TopicEndpoint(self._db, key, topic, self._chats) if topic else None
