"""The presence of customers who hear their chat by message streaming, without a socket (`ConnectParticipant`).

Such a customer has a connection in the store that belongs to no process, so it ends with no socket and no process. It ends with
the last stream of the chat. Then the loss is reported as that of a socket.
"""

from __future__ import annotations

from datetime import UTC, datetime

from realtime.connections import ConnectionObserver
from store import connections
from store.connections import STREAMING
from store.database import Database
from store.streams import is_streamed


async def begin_streamed_presence(
    db: Database, observer: ConnectionObserver, conversation_id: str, participant_id: str
) -> None:
    """Have a customer count as connected, unless the last stream of the chat was stopped meanwhile. Idempotent.

    If this is interrupted, no time limit finds the customer absent, and a repeat reports the connect.
    """
    if await connections.add_connection(db, participant_id, conversation_id, STREAMING):
        await observer.connected(conversation_id, participant_id, datetime.now(UTC))
        await connections.mark_connect_reported(db, participant_id, STREAMING)
    if not await is_streamed(db, conversation_id):
        now = datetime.now(UTC)
        await connections.mark_connection_lost(db, participant_id, STREAMING, now)
        # who stopped the stream can have reported the loss before the connect was reported
        if not await connections.is_connected(db, participant_id):
            await observer.disconnected(conversation_id, participant_id, now)
            await connections.remove_disconnected(db, participant_id, now)


async def end_streamed_presence(db: Database, observer: ConnectionObserver, conversation_id: str) -> None:
    """Have the customer of a chat count as connected only by their sockets. Idempotent.

    If this is interrupted, the loss is reported by the process that finds it (`ConnectionTracker`).
    """
    now = datetime.now(UTC)
    participant_id = await connections.streaming_participant(db, conversation_id)
    if participant_id and await connections.mark_connection_lost(db, participant_id, STREAMING, now):
        await observer.disconnected(conversation_id, participant_id, now)
        await connections.remove_disconnected(db, participant_id, now)
