"""A WSGI filter that gives Swift's proxy a cache in its own memory, where memcached is not wanted.

Right for a single proxy process only. Values go through JSON as they would through memcached, so
that nobody shares a mutable object by accident; bytes (Keystone's middleware serializes by itself)
are kept as they are.
"""
import json
import time


class Cache(object):
    def __init__(self):
        self._entries = {}

    def get(self, key, *_args, **_kwargs):
        text, expires = self._entries.get(key, ('null', 0))
        if expires and expires <= time.time():
            return None
        return text if isinstance(text, bytes) else json.loads(text)

    def set(self, key, value, serialize=True, time_to_live=0, **kwargs):
        seconds = kwargs.get('time') or time_to_live
        kept = value if isinstance(value, bytes) else json.dumps(value)
        self._entries[key] = (kept, time.time() + seconds if seconds else 0)

    def incr(self, key, delta=1, time=0):
        value = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, value, time=time)
        return value

    def decr(self, key, delta=1, time=0):
        return self.incr(key, -int(delta), time)

    def delete(self, key, *_args, **_kwargs):
        self._entries.pop(key, None)

    def set_multi(self, mapping, _server_key=None, serialize=True, time=0, **_kwargs):
        for key, value in mapping.items():
            self.set(key, value, time=time)

    def get_multi(self, keys, *_args, **_kwargs):
        return [self.get(key) for key in keys]


def filter_factory(_global_conf, **_conf):
    cache = Cache()

    def add_cache(application):
        def call(environ, start_response):
            environ['swift.cache'] = cache
            return application(environ, start_response)
        return call
    return add_cache
