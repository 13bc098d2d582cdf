"""Files of the data folder hold what people say: no other user of the machine may read them."""

from __future__ import annotations

from tests.compat.chats import eventually, send_message, start_chat
from tests.stack import Stack

BY_TESTS = "perennial.log"
"""The file that the tests write themselves."""


def test_files_are_for_their_owner_alone(stack: Stack) -> None:
    connect = stack.connect()
    chat = start_chat(connect)
    send_message(stack.participant(), chat, "hello")
    connect.stop_contact(InstanceId="demo", ContactId=chat.contact_id)
    eventually(lambda: any(chat.contact_id in path.name for path in stack.folder.rglob("*")), "file of the transcript")
    paths = [path for path in stack.folder.rglob("*") if path.name != BY_TESTS]
    names = {path.name for path in paths}
    assert names >= {"store.db", "store.db-wal", "temporal.db", "temporal.log", "token.key", "transcripts"}
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in paths if path.stat().st_mode & 0o077} == {}


def test_missing_data_folder_is_created_for_its_owner_alone(stack: Stack) -> None:
    """Control for the test above, whose folder the tests have made: the folders within it."""
    folders = [path for path in stack.folder.rglob("*") if path.is_dir()]
    assert folders
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in folders)
