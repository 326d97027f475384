"""What `gunicorn app:application` uses. No hook is needed: neither `post_fork` nor `worker_exit`.

With `preload_app` the master loads the application and starts the watcher; in each worker it starts again by itself
when the worker is forked. Without, each worker starts its own.
"""

bind = "127.0.0.1:8000"
workers = 2
preload_app = True
