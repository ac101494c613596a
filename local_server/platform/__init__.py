"""The serverless platform, offline: its queue, policies, client routes, worker routes and workers.

What is known of the platform's protocol was read in its SDK (runpod 1.12.0) and its documentation; where neither says,
the docstrings do.
"""
