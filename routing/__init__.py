"""The board: who works on what, what waits in which queue, and whom it is offered to.

A row says two things. What its conversation says of itself is written by `placing`, in the transaction of the conversation's
own record. What the board has done meanwhile, an offer, is written by `offers`, and stands until the conversation answers it,
stops waiting, or `offers.revoke` takes it back. Load is the sum over the rows that hold an agent's capacity at this moment.

Locks on PostgreSQL, always in this order: a queue (advisory), agents by name, a row of the board. Whoever adds to an agent's
load holds that agent's row while it looks and writes, so that two queues cannot fill the same place twice.
"""
