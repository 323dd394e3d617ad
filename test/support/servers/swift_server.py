"""OpenStack Swift on loopback: proxy, account, container and object server, one replica, one device.

Runs from Debian's python3-swift as any user. Swift keeps an object's metadata in user xattrs, so its
data needs ext4, xfs, btrfs, or tmpfs on Linux 6.6 and later.

Options: port, memcached (a real one, which must be installed; else a cache inside the proxy),
maxFileSize and minSegment (bytes), s3Acl, daemons (updaters and expirer every 2 s), ratelimit (writes
a second per account and container).
"""
import http.client
import importlib.util
import os
import pwd
import sys

import procs

HERE = os.path.dirname(os.path.abspath(__file__))
HOST = '127.0.0.1'
USER, KEY, REGION = 'test:tester', 'testing', 'us-east-1'
DAEMONS = ('container-updater', 'object-updater', 'object-expirer')
STORAGE = ('account', 'container', 'object')

# What stands in front of the proxy application, in order. AUTH is tempauth's or Keystone's part.
PIPELINE = ('catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl '
            'RATELIMIT AUTH staticweb copy container-quotas account-quotas slo dlo versioned_writes '
            'symlink proxy-logging proxy-server')
FILTERS = {
    'catch_errors': {}, 'gatekeeper': {}, 'healthcheck': {}, 'listing_formats': {}, 'bulk': {},
    'tempurl': {}, 'staticweb': {}, 'copy': {}, 'slo': {}, 'dlo': {}, 'symlink': {},
    'container-quotas': {'use': 'egg:swift#container_quotas'},
    'account-quotas': {'use': 'egg:swift#account_quotas'},
    'proxy-logging': {'use': 'egg:swift#proxy_logging'},
    'versioned_writes': {'allow_versioned_writes': 'true', 'allow_object_versioning': 'true'},
}
TEMPAUTH = {
    'user_admin_admin': 'admin .admin .reseller_admin',
    'user_test_tester': KEY + ' .admin',
    'user_test_tester3': 'testing3',
    'user_test2_tester2': 'testing2 .admin',
}


def missing():
    return [] if importlib.util.find_spec('swift') else ['python3-swift']


def start(children, directory, options):
    auth = {'pipeline': 's3api tempauth', 'filters': {'tempauth': TEMPAUTH}}
    port = launch(children, directory, options, auth)

    def hands_out_token():
        return status(port, '/auth/v1.0', {'X-Auth-User': USER, 'X-Auth-Key': KEY}) in (200, 204)
    children.wait_for('swift proxy', hands_out_token)
    return {
        'endpoint': 'http://%s:%d' % (HOST, port), 'host': HOST, 'port': port,
        's3': {'accessKeyId': USER, 'secretAccessKey': KEY, 'region': REGION, 'pathStyle': True},
        'swift': {'authUrl': 'http://%s:%d/auth/v1.0' % (HOST, port), 'user': USER, 'key': KEY},
    }


def launch(children, directory, options, auth):
    """Starts all processes and waits until they listen; returns the proxy's port."""
    port = procs.free_ports(5, HOST, options.get('port'))
    ports = {'object': port + 1, 'container': port + 2, 'account': port + 3}
    etc, data = os.path.join(directory, 'data', 'etc'), os.path.join(directory, 'data', 'swift')
    os.makedirs(etc, exist_ok=True)
    os.makedirs(os.path.join(data, 'd1'), exist_ok=True)
    check_xattrs(os.path.join(data, 'd1'))
    write_configuration(children, etc, data, port, ports, options, auth)
    node = [sys.executable, os.path.join(HERE, 'swift_node.py')]
    children.run('rings', node + ['rings', etc, HOST] + [str(ports[kind]) for kind in STORAGE])
    if options.get('memcached'):
        as_user = ['-u', 'root'] if os.getuid() == 0 else []
        children.spawn('memcached', ['memcached', '-l', HOST, '-p', str(port + 4), '-U', '0'] + as_user)
    for kind in STORAGE + ('proxy',):
        children.spawn(kind, node + [kind, etc])
    for kind in DAEMONS if options.get('daemons') else ():
        children.spawn(kind, node + [kind, etc])
    for kind in STORAGE:
        children.wait_for('swift ' + kind, procs.listens(HOST, ports[kind]))
    children.wait_for('swift proxy', lambda: status(port, '/healthcheck', {}) == 200)
    return port


def status(port, path, headers):
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    try:
        connection.request('GET', path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def check_xattrs(folder):
    probe = os.path.join(folder, '.xattr-probe')
    with open(probe, 'w'):
        pass
    try:
        os.setxattr(probe, 'user.swift.metadata', b'x' * 2000)
    except OSError as error:
        raise procs.ServerFailed(
            'Swift needs user extended attributes, and %s has none (%s): choose a folder on ext4, xfs '
            'or btrfs with TMPDIR (bin/demo: PAILFS_DEMO_DIR)' % (folder, error))
    finally:
        os.unlink(probe)


def write_configuration(children, etc, data, port, ports, options, auth):
    def save(name, sections):
        with open(os.path.join(etc, name), 'w') as file:
            for section, settings in sections.items():
                file.write('[%s]\n' % section)
                file.writelines('%s = %s\n' % setting for setting in settings.items())

    def common(name, its_port):
        return {
            'swift_dir': etc, 'devices': data, 'mount_check': 'false', 'disable_fallocate': 'true',
            'fallocate_reserve': 0, 'workers': 0, 'user': pwd.getpwuid(os.getuid()).pw_name,
            'bind_ip': HOST, 'bind_port': its_port, 'recon_cache_path': etc,
            'log_level': 'INFO', 'log_custom_handlers': 'swift_node.log_to_file',
            'pailfs_log': children.log(name), 'container_update_timeout': 20,
        }

    save('swift.conf', {
        'swift-hash': {'swift_hash_path_prefix': 'pailfs', 'swift_hash_path_suffix': 'pailfs'},
        'storage-policy:0': {'name': 'default', 'default': 'yes'},
        'swift-constraints': {'max_file_size': options.get('maxFileSize', 5368709122)},
    })
    often = {'interval': 2, 'slowdown': 0, 'containers_per_second': 1000, 'objects_per_second': 1000,
             'account_suppression_time': 0}
    for kind in STORAGE:
        save(kind + '-server.conf', {
            'DEFAULT': common(kind, ports[kind]),
            'pipeline:main': {'pipeline': kind + '-server'},
            'app:%s-server' % kind: {'use': 'egg:swift#' + kind},
            kind + '-replicator': {}, kind + '-auditor': {}, kind + '-updater': often,
        })
    cache = ({'use': 'egg:swift#memcache', 'memcache_servers': '%s:%d' % (HOST, port + 4)}
             if options.get('memcached') else {'paste.filter_factory': 'swift_cache:filter_factory'})
    application = {'use': 'egg:swift#proxy', 'account_autocreate': 'true',
                   'allow_account_management': 'true', 'conn_timeout': 5, 'node_timeout': 60}
    limit = options.get('ratelimit')
    filters = dict(FILTERS, **auth['filters'])
    filters['cache'] = cache
    filters['s3api'] = {'s3_acl': str(bool(options.get('s3Acl'))).lower(), 'location': REGION,
                        'min_segment_size': options.get('minSegment', 5242880),
                        'max_upload_part_num': 10000}
    if limit:
        filters['ratelimit'] = {'max_sleep_time_seconds': 1, 'account_ratelimit': limit,
                                'container_ratelimit_0': limit}
    pipeline = PIPELINE.replace('RATELIMIT', 'ratelimit' if limit else '').replace('AUTH', auth['pipeline'])
    save('proxy-server.conf', dict(
        {'DEFAULT': dict(common('proxy', port), expose_info='true'),
         'pipeline:main': {'pipeline': pipeline}, 'app:proxy-server': application},
        **filter_sections(filters)))
    inner = {'catch_errors': {}, 'proxy-logging': FILTERS['proxy-logging'], 'cache': cache, 'symlink': {}}
    save('internal-client.conf', dict(
        {'DEFAULT': common('internal-client', port),
         'pipeline:main': {'pipeline': 'catch_errors proxy-logging cache symlink proxy-server'},
         'app:proxy-server': application}, **filter_sections(inner)))
    save('object-expirer.conf', dict(
        {'DEFAULT': common('object-expirer', port),
         'object-expirer': {'interval': 2,
                            'internal_client_conf_path': os.path.join(etc, 'internal-client.conf')},
         'pipeline:main': {'pipeline': 'catch_errors cache proxy-server'},
         'app:proxy-server': {'use': 'egg:swift#proxy'}}, **filter_sections(inner)))


def filter_sections(filters):
    own = ('use', 'paste.filter_factory')
    return {'filter:' + name: settings if any(key in settings for key in own)
            else dict({'use': 'egg:swift#' + name}, **settings) for name, settings in filters.items()}
