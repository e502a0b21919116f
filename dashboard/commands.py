"""What a browser may have done: a label for a device, an invitation for a phone. The gateway does it."""

import asyncio
import logging
from typing import Any, Literal

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

logger = logging.getLogger(__name__)

#: Longer than the gateway waits for Kafka.
TIMEOUT_SECONDS = 40.0
MAX_ANSWER_BYTES = 262_144
#: Of one browser at the same time; further ones wait in its socket.
MAX_RUNNING = 4

Act = Literal["label", "label now", "invite"]
_PATHS: dict[Act, str] = {"label": "/v1/labels", "label now": "/v1/labels/now", "invite": "/v1/devices"}


class PageCommand(msgspec.Struct, forbid_unknown_fields=True):
    """A browser's message.

    Attributes
    ----------
    id : int
        Comes back with the answer.
    act : str
        What is to be done.
    document : dict
        What the gateway is given for it.
    """

    id: int
    act: Act
    document: dict[str, Any]


class CommandAnswer(msgspec.Struct):
    """What became of a command.

    Attributes
    ----------
    id : int
        The command's.
    done : bool
        Whether it was done.
    answer : object
        What the gateway answered; ``detail`` says in words why not.
    """

    id: int
    done: bool
    answer: Any


_decoder = msgspec.json.Decoder(PageCommand)


class GatewayCommands:
    """Has a gateway do what browsers ask for.

    Parameters
    ----------
    url : str
        The gateway's, such as ``http://127.0.0.1:8600``.
    token : str or None
        The operator's token there.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._session: ClientSession | None = None

    async def close(self) -> None:
        """Disconnect from the gateway."""
        if self._session is not None:
            await self._session.close()

    async def serve(self, connection: ServerConnection) -> None:
        """Do what one browser asks for, until it goes or says something that is no command."""
        room = asyncio.Semaphore(MAX_RUNNING)
        try:
            async with asyncio.TaskGroup() as tasks:
                async for message in connection:
                    try:
                        command = _decoder.decode(message)
                    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                        await connection.close(CloseCode.POLICY_VIOLATION, "this is no command")
                        return
                    await room.acquire()
                    tasks.create_task(self._answer(connection, command)).add_done_callback(lambda _: room.release())
        except* ConnectionClosed:
            pass

    async def _answer(self, connection: ServerConnection, command: PageCommand) -> None:
        done, answer = await self._ask(_PATHS[command.act], command.document)
        text = msgspec.json.encode(CommandAnswer(command.id, done, answer))
        await connection.send(text, text=True)

    async def _ask(self, path: str, document: dict[str, Any]) -> tuple[bool, Any]:
        if self._session is None:
            self._session = ClientSession(headers=self._headers, timeout=ClientTimeout(total=TIMEOUT_SECONDS))
        try:
            async with self._session.post(self._url + path, data=msgspec.json.encode(document)) as answered:
                body = await answered.content.read(MAX_ANSWER_BYTES)
                return answered.status == 200, msgspec.json.decode(body)
        except (ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
            logger.warning("the gateway at %s does not do it: %s", self._url, error)
            return False, {"detail": f"The gateway cannot be reached ({type(error).__name__}). Try again."}
