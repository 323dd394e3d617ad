"""A second client to Swift: python-swiftclient, a JSON request a line in, a JSON answer a line out.

Request: {"call": METHOD of Connection, "args": [...], "kwargs": {...}}; bytes travel as {"base64": ...}.
Arguments: JSON of Connection's own.
"""
import base64
import json
import sys

from swiftclient.client import ClientException, Connection


def encode(value):
    if isinstance(value, bytes):
        return {'base64': base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(value):
    if isinstance(value, dict):
        if 'base64' in value:
            return base64.b64decode(value['base64'])
        return {key: decode(item) for key, item in value.items()}
    return [decode(item) for item in value] if isinstance(value, list) else value


def main():
    connection = Connection(retries=1, **json.loads(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            method = getattr(connection, request['call'])
            result = method(*decode(request.get('args', [])), **decode(request.get('kwargs', {})))
            answer = {'ok': encode(result)}
        except ClientException as error:
            answer = {'error': str(error), 'status': error.http_status}
        print(json.dumps(answer), flush=True)


main()
