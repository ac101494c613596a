"""One model is built at a time.

While transformers makes a model it changes what torch does in every thread (tensors without data, weights that are not
initialised; `init_empty_weights` and the like in modeling_utils.py), so two that are made at once spoil each other.
"""

import threading

BUILDING = threading.Lock()
