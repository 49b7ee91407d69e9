"""Publish, subscribe, request; blocking.

usage: first_blocking.py [URL]
"""

import sys
import threading

import anynats

URL = sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"


def answer(service: anynats.Subscription, nc: anynats.Client) -> None:
    for msg in service:  # ends when the subscription ends
        if msg.reply:
            nc.publish(msg.reply, msg.payload.upper())


with anynats.connect(URL) as nc, nc.subscribe("sensors.*", queue="workers") as sub:
    nc.publish("sensors.kitchen", b"21.5", headers={"unit": "C"})
    msg = sub.next(timeout=5)  # TimeoutError when nothing comes
    print(msg.subject, msg.payload.decode(), msg.headers["unit"])

    with nc.subscribe("service.upper") as service:
        thread = threading.Thread(target=answer, args=(service, nc))
        thread.start()
        print(nc.request("service.upper", b"hello", timeout=5).payload.decode())
    thread.join()
