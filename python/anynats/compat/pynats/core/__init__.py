"""What the clients of aio and io have in common, under the names of pynats.core.

Nothing here waits or sends.
"""

from anynats.compat.pynats.core.client_state import ClientState
from anynats.compat.pynats.core.msg import Msg
from anynats.compat.pynats.core.subscription import Subscription

__all__ = ["ClientState", "Msg", "Subscription"]
