"""A volume in an S3 server on this machine, behind a proxy that is as far away as a real one.

The proxy adds 20 ms to each answer and lets through 125 MB/s, all connections together. It remembers answers:
the server behind it is a test double and slow, and would be what is measured.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LATENCY = 0.02
BYTES_PER_SECOND = 125e6
KEYS = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def serving(place: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Put a volume into a bucket; yields where it is, and the variables that say how to reach it."""
    command = [sys.executable, "-m", "benchmarks.bucket", str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        try:
            yield f"s3://volumes/{place.name}", {**KEYS, "AWS_ENDPOINT_URL": endpoint}
        finally:
            process.stdin.close()


class Proxy:
    """Answers GET and HEAD as the server behind it does, late and slowly."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = host, port
        self._answers: dict[bytes, bytes] = {}
        self._free = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request by request."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                answer = await self._answer(head)
                await asyncio.sleep(self._delay(len(answer)))
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()  # the client is done

    def _delay(self, size: int) -> float:
        now = asyncio.get_running_loop().time()
        self._free = max(now, self._free) + size / BYTES_PER_SECOND
        return LATENCY + self._free - now

    async def _answer(self, head: bytes) -> bytes:
        request, *fields = head.split(b"\r\n")
        key = b"\n".join([request, *(line for line in fields if line.lower().startswith(b"range:"))])
        if key not in self._answers:
            self._answers[key] = await self._ask(head, request.startswith(b"HEAD"))
        return self._answers[key]

    async def _ask(self, head: bytes, bodiless: bool) -> bytes:
        reader, writer = await asyncio.open_connection(*self._behind)
        writer.write(head)
        answer = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in answer.split(b"\r\n")[1:] if b":" in line)
        if not bodiless:
            answer += await reader.readexactly(int(fields.get(b"content-length", b"0")))
        writer.close()
        return answer.replace(b"Connection: close", b"Connection: keep-alive")


def main() -> None:
    """Serve the volume named on the command line until standard input ends."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    place = Path(sys.argv[1])
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
                          aws_access_key_id="benchmark", aws_secret_access_key="benchmark")  # fmt: skip
    client.create_bucket(Bucket="volumes")
    for path in place.rglob("*"):
        if path.is_file():
            key = f"{place.name}/{path.relative_to(place)}"
            client.put_object(Bucket="volumes", Key=key, Body=path.read_bytes())
    asyncio.run(_serve(Proxy(host, port)))
    server.stop()


async def _serve(proxy: Proxy) -> None:
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with listening:
        host, port = listening.sockets[0].getsockname()
        print(f"http://{host}:{port}", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    main()
