"""The fragments of the README of simple-nats as printed, joined; only the import line is ours.

In the example of a remote procedure call a closing parenthesis is missing; it is added here.
msgpack is replaced by a module of that name which `readme_support` brings.
"""

IMPORT = """\
import anynats.compat.simple_nats as nats
"""
CREATE = """\
nc = nats.NatsClient()
"""
CREATE_NAMED = """\
nc = nats.NatsClient(client_name='my_consumer')
"""
CONNECT = """\
nc.connect('localhost:4222')
"""
SERVER_INFO = """\
nc.server_info
"""
SUBSCRIBE = """\
def callback(msg):
    print(msg)

sid = nc.subscribe('my.topic', queue_group='my_group', cb=callback)
"""
UNSUBSCRIBE = """\
nc.unsubscribe(sid)
"""
UNSUBSCRIBE_LATER = """\
max_messages = 20
nc.unsubscribe(sid, max_messages)
"""
PUBLISH = """\
import json

nc.publish('my.topic', json.dumps({'foo': 'bar'}).encode('utf8'))
"""
REQUEST = """\
import msgpack

def process_answer(answer):
    payload = msgpack.loads(answer['payload'])
    print("Got answer! {}".format(payload))

payload = msgpack.dumps({'foo': 'bar'})
nc.request('my.topic', payload, cb=process_answer)
"""

# What waits until the callbacks have run; the README has nothing for it.
WAIT = """\
import time
deadline = time.monotonic() + 20
while nc.subscriptions and time.monotonic() < deadline:
    time.sleep(0.001)
"""

PROGRAMS = {
    "simple_subscribe": IMPORT
    + CREATE
    + CREATE_NAMED
    + CONNECT
    + SERVER_INFO
    + "print('server_id' in nc.server_info)\n"
    + SUBSCRIBE
    + UNSUBSCRIBE_LATER.replace("20", "1")
    + PUBLISH
    + WAIT,
    "simple_unsubscribe": IMPORT
    + CREATE
    + CONNECT
    + SUBSCRIBE
    + UNSUBSCRIBE_LATER
    + UNSUBSCRIBE
    + PUBLISH
    + "print(nc.subscriptions)\n",
    "simple_request": IMPORT + CREATE + CONNECT + REQUEST + WAIT,
}

MSGPACK = '''\
"""Stands in for msgpack."""
import json

def dumps(value: object) -> bytes:
    return json.dumps(value).encode()

def loads(data: bytes) -> object:
    value: object = json.loads(data)
    return value
'''
