"""Routing: the distribution of work. It decides which agent is offered which waiting contact.

The table `routing` has one row for each conversation that routing must know: not for closed ones, nor for wrap-ups without an
agent. Its columns have two sources:

- The conversation writes its placement, in the transaction of its own record (`placement`). A placement has a revision; an
  older one never replaces a newer one.
- Routing writes the offer (`offers`). An offer is open until the conversation ends it, its wait ends, or `offers.end_offer`
  ends it.

| Module                | Content                                                                                  |
|-----------------------|------------------------------------------------------------------------------------------|
| `dispatcher`          | the periodic task that offers waiting conversations to agents                            |
| `served_instances`    | which instances this process serves: those whose lease it holds                          |
| `leases`              | the leases in the store                                                                  |
| `agent_configuration` | writes the configured agents when they have changed                                      |
| `records`             | configured agents and their present state, offer rules, queued contacts                  |
| `rows`                | rows of `routing`: reads, locks, filters and the queue order                             |
| `load`                | an agent's load: the units of the conversations that use the agent's capacity now        |
| `placement`           | writes a conversation's placement, with its effects on offers, agents and wait times     |
| `offers`              | makes, claims, finds and ends offers                                                     |
| `offer_writes`        | the statements that write an offer                                                       |
| `offer_withdrawal`    | withdraws offers in the store and in their conversations                                 |
| `selection`           | selects the conversation that is offered next, and its agent                             |
| `selection_queries`   | the queries of `selection`                                                               |
| `loose_index_scan`    | the first row of each group, in one index step for each group                            |
| `affinity`            | agent affinity: when a conversation is reserved for one agent, and when this ends        |
| `queues`              | queue contents, positions in queue, queues with work, average wait                       |
| `agents`              | replaces the configured agents in the store; reads their present state                   |
| `agent_status`        | changes of the agent status, by the agent and by the course of offers and contacts       |
| `disconnected_agents` | agents whose client lost its connection; sets them offline after the grace period        |
| `connection_reports`  | what follows when an agent or a participant connects or loses the last connection        |
| `agent_events`        | the numbered events for an agent's client                                                |
| `placement_events`    | the agent events that follow from a change of a conversation's placement                 |
| `queue_positions`     | the periodic task that sends queue positions to customers                                |
| `sent_positions`      | the last queue position that was sent to each customer                                   |
| `supervision`         | open contacts and queue lengths for supervisors                                          |
| `monitoring`          | supervisors who monitor a contact: silently, then visibly, until they leave or are lost  |

Lock order on PostgreSQL. Every transaction takes its locks in this order, so no two of them deadlock:

1. an advisory lock: one for the offers of a queue, one for the configuration of an instance's agents;
2. the row of `checkpoints` of one conversation, which numbers events of the feed (`store.feed_writes`);
3. rows of `agents`, in the order of their user names (`rows.lock_agents`);
4. a row of `routing`.

A transaction that adds to an agent's load locks the agent before it checks the capacity, and keeps the lock until it commits.
So two queues cannot use the same free capacity. On SQLite a write transaction excludes every other write.
"""
