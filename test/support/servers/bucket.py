"""A second client to a bucket, so that tests see what pailfs did with other eyes: boto3.

Reads one JSON object a line, {"call": METHOD, "params": {...}}, answers each with one line, either
{"ok": RESULT} or {"error": CODE, "status": N, "message": ...}. Bodies and other bytes are {"base64": ...}
both ways; times are ISO 8601. Arguments: endpoint, access key, secret key, region. The method `keys`
gives all keys of a bucket with size and ETag; `put_many` puts the same body to many keys.
"""
import base64
import concurrent.futures
import datetime
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def connect(endpoint, access, secret, region):
    settings = {'signature_version': 's3v4', 's3': {'addressing_style': 'path'}, 'retries': {'max_attempts': 2}}
    try:
        # Newer releases send checksums as a trailer, which older servers refuse.
        config = Config(request_checksum_calculation='when_required', **settings)
    except TypeError:
        config = Config(**settings)
    return boto3.client('s3', endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret,
                        region_name=region, config=config)


def decoded(value):
    if isinstance(value, dict):
        if set(value) == {'base64'}:
            return base64.b64decode(value['base64'])
        return {key: decoded(item) for key, item in value.items()}
    return [decoded(item) for item in value] if isinstance(value, list) else value


def encoded(value):
    if isinstance(value, dict):
        return {key: encoded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    if hasattr(value, 'read'):
        value = value.read()
    if isinstance(value, bytes):
        return {'base64': base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value


def keys(client, Bucket, Prefix=''):
    found = []
    for page in client.get_paginator('list_objects_v2').paginate(Bucket=Bucket, Prefix=Prefix):
        for item in page.get('Contents', []):
            found.append({'key': item['Key'], 'size': item['Size'], 'etag': item['ETag'].strip('"')})
    return found


def put_many(client, Bucket, Keys, Body):
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: client.put_object(Bucket=Bucket, Key=key, Body=Body), Keys))
    return {}


# Methods of our own beside boto3's.
OWN = {'keys': keys, 'put_many': put_many}


def main():
    client = connect(*sys.argv[1:5])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            params = decoded(request['params'])
            own = OWN.get(request['call'])
            result = own(client, **params) if own else getattr(client, request['call'])(**params)
            answer = {'ok': encoded(result)}
        except ClientError as error:
            answer = {'error': error.response['Error'].get('Code', ''), 'message': str(error),
                      'status': error.response['ResponseMetadata']['HTTPStatusCode']}
        except Exception as error:  # The test is told, and goes on.
            answer = {'error': type(error).__name__, 'message': str(error), 'status': 0}
        print(json.dumps(answer), flush=True)


main()
