"""A device as somebody writes it with Debian's python3-websockets: prints each frame, acks what it received, ends when caught up."""

import asyncio
import json
import sys

import websockets


async def main(url, token):
    protocols = ["restante.v1", "bearer." + token]
    async with websockets.connect(url, subprotocols=protocols) as socket:
        print("subprotocol", socket.subprotocol, flush=True)
        async for text in socket:
            print(text, flush=True)
            frame = json.loads(text)
            if frame["type"] == "messages":
                await socket.send(json.dumps({"type": "ack", "seq": frame["messages"][-1]["seq"]}))
            if frame["type"] == "caught_up":
                await socket.send('{"type":"ping"}')
            if frame["type"] == "pong":
                break


asyncio.run(main(*sys.argv[1:]))
