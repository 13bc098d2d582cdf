"""Files that browsers send straight to S3: the policy of the pages allows its origin."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.pages.agents import Agent
from tests.pages.browser import Device
from tests.s3 import KEY, S3
from tests.stack import Stack

BUCKET = "files"


@pytest.fixture(scope="module")
def stack(built_pages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    s3 = S3(tmp_path_factory.mktemp("s3"))
    with s3.serve():
        s3.client().create_bucket(Bucket=BUCKET)
        where = {"PERENNIAL_ARCHIVE_URL": f"s3://{BUCKET}/chats", "PERENNIAL_ARCHIVE_ENDPOINT": s3.url}
        stack = Stack(tmp_path_factory.mktemp("direct"), {**KEY, **where, "PERENNIAL_ATTACHMENT_UPLOADS": "s3"})
        stack.start()
        yield stack
        assert stack.stop() == 0


async def test_file_goes_to_s3_from_the_page(chromium: Browser, stack: Stack) -> None:
    device = Device(await chromium.new_context(locale="en-GB"), stack.url)
    customer = await device.customer()
    with httpx.Client(base_url=stack.url, timeout=60) as http:
        Agent(http).take(await customer.start())
    file = {"name": "hive.txt", "mimeType": "text/plain", "buffer": b"forty thousand bees"}
    await customer.chat.locator("input[type=file]").set_input_files(file)  # pyright: ignore[reportArgumentType]
    await expect(customer.log.get_by_role("button", name="Download hive.txt")).to_be_visible()
    await device.context.close()
    assert device.unexpected == []
