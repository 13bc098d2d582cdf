"""What the store does beside commits: for participants, agents and backends, the feed, connections and the configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.webhooks import WebhookState
from store import (
    absences,
    agent_identities,
    audit,
    configuration,
    connections,
    conversations,
    customers,
    feed,
    inspection,
    monitors,
    notes,
    past,
    personal_data,
    receipts,
    single_uses,
    streams,
    transcript,
    webhooks,
)
from store.attributes import merge_attributes
from store.audit import AuditEntry
from store.configuration import ConfigurationChange
from store.contact_details import change_details
from store.contact_search import (
    AttributeCriterion,
    ContactInstant,
    ContactSearch,
    count_contacts,
    find_contacts,
    search_position,
)
from store.database import Database
from store.feed_derivation import event_of_archive, event_of_unreached
from store.feed_writes import write_event_once
from store.item_writer import ItemWriter
from store.monitors import Begun, Monitor
from store.notes import ContactNote
from store.past import PastPosition
from store.transcript import PageStart
from tests.plans.conversation_work import CHAT_CUSTOMER, PAGE, chat_item
from tests.plans.filled_store import ANN, BOB, CHAT, CUSTOMER, DEAD_PROCESS, PROCESS, SUPPORT, TOPIC, WORKSTREAM
from tests.store.sample_records import INSTANCE

LATER = 10**9
"""Greater than the number of any item."""


async def check_of_the_store(db: Database) -> None:
    """A check before a deploy."""
    await inspection.server_version(db)
    await inspection.clock_difference(db)
    assert await inspection.applied_migration(db) == inspection.known_migrations()[-1]


async def transcript_of_a_chat(db: Database) -> None:
    """GetTranscript, in both directions, with each start position."""
    began = datetime.now(UTC) - timedelta(days=2)
    for forward, contact_id in ((True, None), (False, None), (True, CHAT), (False, CHAT)):
        start = PageStart(1 if forward else LATER, forward)
        page = await transcript.page(db, CHAT, start, PAGE, contact_id)
        await receipts.receipts_of(db, [(CHAT, each.seq) for each in page])
    await transcript.first_since(db, CHAT, began)
    await transcript.last_until(db, CHAT, datetime.now(UTC))
    await transcript.nth_latest(db, CHAT, PAGE)
    await past.page_of_past(db, PastPosition("closed-0", 1), PAGE)


async def end_of_a_contact(db: Database) -> None:
    """The transcript file of a contact, the continuation of an ended chat, and the latest chat of a customer."""
    found = await conversations.find_contact(db, INSTANCE, "closed-3")
    assert found
    await conversations.participants_of_contact(db, found[0])
    async for _ in transcript.pages_of_contact(db, found[0]):
        pass
    await past.last_ended_contact(db, "closed-3")
    await past.last_ended_contact(db, CHAT)
    await customers.latest_conversation(db, INSTANCE, WORKSTREAM, CUSTOMER)
    await customers.latest_conversation(db, INSTANCE, WORKSTREAM, "customer of idle-1")
    await past.find_rehydrated_past(db, INSTANCE, "without-items")
    continued = await past.find_rehydrated_past(db, INSTANCE, "closed-3")
    assert continued
    await past.link_to_past(db, "idle-2", continued[2], {"topic": "bees"})


async def work_of_an_agent(db: Database) -> None:
    """The lists of an agent, joining a chat, and notes."""
    found = await conversations.contacts_of_agent(db, INSTANCE, ANN)
    assert len(found) == 3
    await conversations.participant_of_user(db, CHAT, ANN)
    await conversations.present_participants(db, [f"{CHAT}-agent", CHAT_CUSTOMER])
    await conversations.survey_contacts(db, [CHAT, "closed-3"])
    await conversations.attributes_before_survey(db, CHAT)
    await customers.customer_of(db, CHAT)
    await customers.customer_names(db, [CHAT, "closed-3"])
    await customers.customer_summaries(db, [conversation.id for _, conversation in found])
    note = ContactNote("note", CHAT, CHAT, ANN, datetime.now(UTC), "likes bees")
    await notes.count_notes(db, CHAT)
    await notes.add_note(db, note)
    await notes.contact_notes(db, CHAT)
    await merge_attributes(db, INSTANCE, CHAT, {"mood": "calm"}, limit=32_000)
    found_contact = await conversations.find_contact(db, INSTANCE, CHAT)
    assert found_contact
    await change_details(db, found_contact[0], lambda details: replace(details, name="an order"))


async def feed_of_events(db: Database) -> None:
    """Pages of the feed, with texts, and the removal of old events."""
    page = await feed.page_of_feed(db, INSTANCE, await feed.start_of_feed(db, INSTANCE), PAGE)
    await feed.contents_of(db, page)
    await feed.contacts_of(db, page)
    await feed.oldest_hidden_event(db, INSTANCE)
    await feed.remove_old_events(db, INSTANCE, datetime.now(UTC) - timedelta(days=7))
    written = event_of_archive(CHAT, CHAT, "file:///transcript.json", datetime.now(UTC))
    for _ in range(2):
        await write_event_once(db, CHAT, written)


async def removal_of_old_events(db: Database) -> None:
    """The first events are too old."""
    first = await feed.page_of_feed(db, INSTANCE, feed.FeedPosition(), 4)
    await feed.remove_old_events(db, INSTANCE, first[-1].at, at_once=2)


async def deliveries_of_a_webhook(db: Database) -> None:
    """The lease, a page of deliveries, a state, a replay, and the list for people."""
    key, now = webhooks.WebhookKey(INSTANCE, "hook"), datetime.now(UTC)
    taken = [await webhooks.take_webhook(db, key, PROCESS, now + timedelta(minutes=1), now) for _ in range(2)][-1]
    assert taken
    assert await webhooks.find_webhook(db, key)
    delivery = webhooks.Delivery("idle-1", "event-1", "message.created", now, 200, 1, "")
    await webhooks.move_webhook(db, key, taken.position, taken.position, [delivery] * 3)
    await webhooks.set_webhook_state(db, key, WebhookState.FAILING, now)
    assert await webhooks.replay_webhook(db, key, taken.position)
    await webhooks.last_deliveries(db, key, PAGE)
    await webhooks.delete_old_deliveries(db, key, keep=1)
    await webhooks.release_webhooks(db, PROCESS, now)
    await webhooks.remove_webhook(db, key)


async def streams_of_a_chat(db: Database) -> None:
    """A stream of a whole chat and one of what follows, a page of the topic, its progress, and the stop."""
    now, key = datetime.now(UTC), webhooks.WebhookKey(INSTANCE, TOPIC)
    for whole, topic in ((False, TOPIC), (True, "another")):
        new = streams.NewStream(f"new-{topic}", CHAT, INSTANCE, topic, whole)
        assert await streams.start_stream(db, new, now) == new.id
    head = (await transcript.heads(db, [CHAT]))[CHAT]
    await ItemWriter(db).append(CHAT, [chat_item(CHAT, head + 1, id="streamed-item")])
    assert await streams.is_streamed(db, CHAT)
    [first, *_] = await streams.next_items(db, key, PAGE)
    assert await streams.next_items(db, key, PAGE, [CHAT])
    progress = streams.Progress(first.stream_id, first.item.seq, is_over=False)
    delivery = webhooks.Delivery(CHAT, "event-1", "MESSAGE", now, 200, 1, "")
    await streams.advance_streams(db, key, [progress], [delivery], now)
    assert await streams.stop_stream(db, CHAT, first.stream_id, now) == TOPIC
    await connections.add_connection(db, CHAT_CUSTOMER, CHAT, connections.STREAMING)
    assert await connections.streaming_participant(db, CHAT) == CHAT_CUSTOMER


async def search_of_contacts(db: Database) -> None:
    """SearchContacts: pages by each instant, by agent and by queue, in both directions, and by attributes."""
    now = datetime.now(UTC)
    every = ContactSearch(INSTANCE, "initiated_at", since=now - timedelta(days=50), until=now)
    moments: tuple[ContactInstant, ...] = ("initiated_at", "enqueued_at", "agent_connected_at", "ended_at")
    searches = [
        *(replace(every, moment=moment, order=moment) for moment in moments),
        *(replace(every, agents=[user]) for user in (ANN, BOB, "nobody")),
        *(replace(every, queues=[queue]) for queue in (SUPPORT, "none")),
        replace(every, attributes=[AttributeCriterion("topic", ["bees"])]),
        replace(every, instance="unused"),
    ]
    for search in searches:
        for ordered in (search, replace(search, ascending=True)):
            page = await find_contacts(db, ordered, PAGE)
            if page:
                await find_contacts(db, ordered, PAGE, search_position(ordered, page[-1][0]))
    await count_contacts(db, replace(every, since=now - timedelta(minutes=1)))


async def connections_of_participants(db: Database) -> None:
    """Connects and disconnects, the lease of a process, and the search for those of a dead process."""
    now = datetime.now(UTC)
    await connections.set_lease_end(db, PROCESS, now + timedelta(hours=1))
    await connections.add_connection(db, "idle-3-customer", "idle-3", PROCESS)
    await connections.mark_connect_reported(db, "idle-3-customer", PROCESS)
    await connections.connections_of(db, PROCESS)
    await connections.has_other_process(db, PROCESS, now)
    assert await connections.is_connected(db, "idle-3-customer")
    await connections.mark_connection_lost(db, "idle-3-customer", PROCESS, now)
    await connections.add_connection(db, "own-parked-customer", "own-parked", DEAD_PROCESS)
    assert await connections.connections_of_dead_processes(db, now)
    await connections.mark_connection_lost(db, "own-parked-customer", DEAD_PROCESS, now, if_dead_since=now)
    await connections.remove_disconnected(db, "own-parked-customer", now)
    await connections.delete_dead_processes(db, now)


async def absences_of_customers(db: Database) -> None:
    """Customers who are away: those to look at, and what becomes of each."""
    now = datetime.now(UTC)
    for chat in ("parked-3", "parked-4", "parked-5"):
        await connections.add_connection(db, f"{chat}-customer", chat, PROCESS)
        await connections.mark_connection_lost(db, f"{chat}-customer", PROCESS, now)
    first, second, third = await absences.due_absences(db, now, 3)
    await absences.waiting_message(db, first)
    await absences.check_later(db, [(first, now + timedelta(hours=1))])
    changed = event_of_unreached(second.conversation_id, second.conversation_id, now, now, {})
    assert await absences.tell(db, second, changed)
    await absences.forget(db, [third])


async def changes_of_the_configuration(db: Database) -> None:
    """The poll of the revisions, and a change that is made and undone."""
    revision = (await configuration.revisions(db))[INSTANCE]
    change = ConfigurationChange("agents", "new", {"name": "New"}, revision + 1, datetime.now(UTC), "test")
    assert await configuration.save_change(db, INSTANCE, change)
    await configuration.changes(db, INSTANCE)
    assert await configuration.delete_change(db, INSTANCE, "agents", "new", revision=revision + 2)


async def deletion_of_a_conversation(db: Database) -> None:
    """The search for what may be deleted, an export, and the deletion of a conversation that nobody continues."""
    now = datetime.now(UTC)
    anonymous = "customer of without-items"
    assert await personal_data.conversations_of_customer(db, INSTANCE, anonymous) == ["without-items"]
    assert await personal_data.ended_conversations(db, INSTANCE, WORKSTREAM, now, PAGE)
    deleted = "elsewhere-7"
    assert await personal_data.exported_conversation(db, deleted)
    assert await personal_data.contacts_of(db, deleted)
    assert await personal_data.ids_within(db, deleted)
    assert (await personal_data.erase_conversation(db, deleted)).items == 1


async def deletion_of_traces(db: Database) -> None:
    """The deletion of what names a conversation for some days. It reads these tables as a whole."""
    await personal_data.erase_short_lived_rows(db, INSTANCE, ["closed-4", "waiting-4"])


async def entries_of_the_audit_log(db: Database) -> None:
    """An entry, two pages, and the removal of old entries."""
    now = datetime.now(UTC)
    await audit.write_entries(db, [AuditEntry("new", INSTANCE, now, "api:crm", "put_table")])
    last = (await audit.entries_before(db, INSTANCE, None, PAGE))[-1]
    assert await audit.entries_before(db, INSTANCE, (last.at, last.id), 2)
    await audit.delete_entries(db, now - timedelta(days=365))


async def credentials(db: Database) -> None:
    """The identity of an agent, from the sign-in to its end, and what is good once."""
    now, agents = datetime.now(UTC), [(INSTANCE, "new"), (INSTANCE, ANN)]
    await agent_identities.begin_identity(db, INSTANCE, "new")
    await agent_identities.find_identities(db, agents)
    async with db.write() as connection:
        await agent_identities.end_identities(connection, INSTANCE, ["new"])
    assert await single_uses.take(db, "once", now)
    assert await single_uses.take_variant(db, "request", "1", now)
    await single_uses.delete_expired(db, now + timedelta(minutes=1))


async def supervisors_of_a_chat(db: Database) -> None:
    """A supervisor who monitors a contact, connects, is lost and leaves."""
    now = datetime.now(UTC)
    monitor = Monitor("new-supervisor", CHAT, CHAT, "new", "New", may_barge=True)
    async with db.write() as connection:
        assert await monitors.begin_monitor(connection, monitor, 5, now) is Begun.NEW
    async with db.write() as connection:
        assert await monitors.begin_monitor(connection, monitor, 5, now) is Begun.PRESENT
    assert await monitors.find_monitor(db, CHAT, "new") == monitor
    assert len(await monitors.monitors_after(db, "", PAGE)) == PAGE
    await monitors.note_monitor_connected(db, monitor.participant_id)
    await monitors.note_monitor_lost(db, monitor.participant_id, now - timedelta(days=1))
    assert len(await monitors.monitors_lost_before(db, now - timedelta(hours=1))) == 1
    async with db.write() as connection:
        await monitors.end_monitors_of_contact(connection, CHAT, CHAT, now)
    await monitors.end_monitor(db, monitor.participant_id, now)


STORE_WORK = (
    supervisors_of_a_chat,
    credentials,
    check_of_the_store,
    transcript_of_a_chat,
    end_of_a_contact,
    work_of_an_agent,
    feed_of_events,
    deliveries_of_a_webhook,
    streams_of_a_chat,
    removal_of_old_events,
    search_of_contacts,
    connections_of_participants,
    absences_of_customers,
    changes_of_the_configuration,
    deletion_of_a_conversation,
    entries_of_the_audit_log,
)
