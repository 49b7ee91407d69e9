"""The programs of no_asyncio_nats' README as printed; only the import line is ours.

Those of JetStream are left for the version that has it. `LATER` holds what needs more than that
version: certificates.
"""

QUICK_START = """\
import anynats.compat.no_asyncio_nats as no_asyncio_nats
import datetime

# Connect to NATS
nc = no_asyncio_nats.connect("nats://localhost:4222")

# Subscribe to a subject
sub = nc.subscribe('my.subject')

# Publish a message
nc.publish('my.subject', b'Hello, World!')

# Receive a message
message = sub.recv_msg()
print(f"Received: {message['payload']}")

# Close the connection
sub.unsubscribe()
"""

BASIC = """\
import anynats.compat.no_asyncio_nats as no_asyncio_nats

# Connect to NATS
nc = no_asyncio_nats.connect("nats://localhost:4222")

# Subscribe to a subject
sub = nc.subscribe('updates')

# Publish a message
nc.publish('updates', b'Hello, World!')

# Receive a message
message = sub.recv_msg()
print(f"Received: {message['payload']}")

# Clean up
sub.unsubscribe()
"""

# Runs for ever; the first request needs a responder elsewhere.
REQUEST_RESPONSE = """\
import anynats.compat.no_asyncio_nats as no_asyncio_nats

nc = no_asyncio_nats.connect("nats://localhost:4222")

# Send a request
response = nc.request('service.hello', b'Hello, Service!')
print(f"Response: {response['payload']}")

# Handle multiple requests
def handle_request(message):
    print(f"Received request: {message['payload']}")
    response_data = b"Hello, Client!"
    nc.publish(message['reply'], response_data)

# Set up request handler
sub = nc.subscribe('service.hello')
while True:
    msg = sub.recv_msg()
    handle_request(msg)
"""

# Runs for ever.
QUEUE_GROUPS = """\
import anynats.compat.no_asyncio_nats as no_asyncio_nats
import threading

def worker(worker_id):
    nc = no_asyncio_nats.connect("nats://localhost:4222")
    sub = nc.queue_subscribe('tasks', 'worker-group')

    while True:
        msg = sub.recv_msg()
        print(f"Worker {worker_id} processing: {msg['payload']}")

# Start multiple workers
for i in range(3):
    threading.Thread(target=worker, args=(i,)).start()
"""

# No code stands there, only the words "simply use the gevent_connect function".
GEVENT = QUICK_START.replace("no_asyncio_nats.connect", "no_asyncio_nats.gevent_connect")

ADVANCED_CONNECTION = """\
import anynats.compat.no_asyncio_nats as no_asyncio_nats
import datetime

# Connect with authentication and TLS
options = {
    "name": "my-client",
    "user_and_password": ("username", "password"),
    "tls_root_certificates": "/path/to/ca.crt",
    "tls_client_cert": "/path/to/client.crt",
    "tls_client_key": "/path/to/client.key",
    "connection_timeout": datetime.timedelta(seconds=10),  # Use timedelta for time durations
    "ping_interval": datetime.timedelta(seconds=30),      # Use timedelta for time durations
    "max_reconnects": 5
}

nc = no_asyncio_nats.connect("nats://localhost:4222", options)
"""

PROGRAMS = {
    "seed0_quick_start": QUICK_START,
    "seed0_basic": BASIC,
    "seed0_request_response": REQUEST_RESPONSE,
    "seed0_queue_groups": QUEUE_GROUPS,
    "seed0_gevent": GEVENT,
    "seed0_advanced_connection": ADVANCED_CONNECTION,
}
