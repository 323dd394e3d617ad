"""A Swift whose users are in a Keystone v3, both on loopback, from Debian's packages.

Keystone runs on sqlite under uwsgi. Its database must be in WAL mode, or Keystone locks itself out. In
Swift's pipeline authtoken comes first: after s3token it would strip the identity that s3token found.

People: `demo` (member of project demo), `alt` (member of project alt), `reader` (may read in project
demo); `demo` has an EC2 credential (its S3 keys) and an application credential. Options: those of
swift_server, and tokenSeconds.
"""
import importlib.util
import json
import os
import shutil
import sqlite3
import urllib.error
import urllib.request

import procs
import swift_server

HOST, REGION = '127.0.0.1', 'RegionOne'
ADMIN_PASSWORD, SERVICE_PASSWORD = 'adminpass', 'swiftpass'
# User, password, project, role.
PEOPLE = (('swift', SERVICE_PASSWORD, 'service', 'admin'), ('demo', 'demopass', 'demo', 'member'),
          ('alt', 'altpass', 'alt', 'member'), ('reader', 'readerpass', 'demo', 'reader'))

CONFIGURATION = '''[DEFAULT]
log_dir = {log}
log_file = keystone-app.log
[database]
connection = sqlite:///{data}/keystone.db
sqlite_synchronous = false
[token]
provider = fernet
expiration = {token_seconds}
[fernet_tokens]
key_repository = {data}/fernet
[fernet_receipts]
key_repository = {data}/fernet
[credential]
key_repository = {data}/credential-keys
[identity]
password_hash_rounds = 4
[cache]
enabled = false
'''


def missing():
    needed = {'keystone': shutil.which('keystone-manage'),
              'python3-keystonemiddleware': importlib.util.find_spec('keystonemiddleware')}
    return swift_server.missing() + [package for package, found in needed.items() if not found]


def start(children, directory, options):
    port = procs.free_ports(6, HOST)
    url = 'http://%s:%d/v3' % (HOST, port)
    start_keystone(children, directory, port, url, options)
    swift_port = port + 1
    people = seed(url, swift_port)
    swift_server.launch(children, directory, dict(options, port=swift_port), swift_auth(url))
    return {
        'endpoint': 'http://%s:%d' % (HOST, swift_port), 'host': HOST, 'port': swift_port,
        's3': {'accessKeyId': people['ec2']['access'], 'secretAccessKey': people['ec2']['secret'],
               'region': swift_server.REGION, 'pathStyle': True},
        'swift': {'authUrl': url, 'user': 'demo', 'key': 'demopass', 'keystone': {
            'project': 'demo', 'projectId': people['project'], 'userDomain': 'default',
            'projectDomain': 'default', 'region': REGION,
            'applicationCredential': people['application'],
            'others': {name: {'key': password, 'project': project}
                       for name, password, project, _ in PEOPLE if name in ('alt', 'reader')}}},
    }


def start_keystone(children, directory, port, url, options):
    data = os.path.join(directory, 'data', 'keystone')
    os.makedirs(data, exist_ok=True)
    conf = os.path.join(data, 'keystone.conf')
    with open(conf, 'w') as file:
        file.write(CONFIGURATION.format(data=data, log=children.log_directory,
                                        token_seconds=options.get('tokenSeconds', 3600)))
    manage = ['keystone-manage', '--config-file', conf]
    owner = ['--keystone-user', str(os.getuid()), '--keystone-group', str(os.getgid())]
    children.run('keystone-manage', manage + ['db_sync'])
    with sqlite3.connect(os.path.join(data, 'keystone.db')) as database:
        database.execute('PRAGMA journal_mode=WAL')
    children.run('keystone-manage', manage + ['fernet_setup'] + owner)
    children.run('keystone-manage', manage + ['credential_setup'] + owner)
    children.run('keystone-manage', manage + [
        'bootstrap', '--bootstrap-password', ADMIN_PASSWORD, '--bootstrap-region-id', REGION,
        '--bootstrap-admin-url', url, '--bootstrap-internal-url', url, '--bootstrap-public-url', url])
    children.spawn('keystone', command(port), dict(os.environ, OS_KEYSTONE_CONFIG_FILES=conf))
    children.wait_for('keystone', lambda: swift_server.status(port, '/v3', {}) == 200)


def command(port):
    application = '/usr/bin/keystone-wsgi-public'
    if shutil.which('uwsgi-core') and os.path.exists('/usr/lib/uwsgi/plugins/python3_plugin.so'):
        return ['uwsgi-core', '--plugin', 'python3', '--http-socket', '%s:%d' % (HOST, port), '--master',
                '--processes', '1', '--threads', '1', '--wsgi-file', application, '--die-on-term',
                '--no-orphans', '--buffer-size', '65535', '--socket-timeout', '60']
    return ['/usr/bin/python3', application, '--host', HOST, '--port', str(port)]


def swift_auth(url):
    service = {'auth_type': 'password', 'auth_url': url, 'project_domain_id': 'default',
               'user_domain_id': 'default', 'project_name': 'service', 'username': 'swift',
               'password': SERVICE_PASSWORD}
    return {'pipeline': 'authtoken s3api s3token keystoneauth', 'filters': {
        'authtoken': dict(service, **{
            'paste.filter_factory': 'keystonemiddleware.auth_token:filter_factory',
            'www_authenticate_uri': url, 'delay_auth_decision': 'true', 'cache': 'swift.cache',
            'service_token_roles_required': 'false', 'include_service_catalog': 'false'}),
        's3token': dict(service, auth_uri=url, reseller_prefix='AUTH_', delay_auth_decision='false',
                        http_timeout=10, secret_cache_duration=60),
        'keystoneauth': {'operator_roles': 'admin, member, swiftoperator',
                         'reseller_admin_role': 'ResellerAdmin'}}}


def seed(url, swift_port):
    """Makes the people, their projects and the catalogue, as an administrator and as demo would."""
    call = Identity(url)
    admin = call.login('admin', ADMIN_PASSWORD, 'admin')
    roles = {role['name']: role['id'] for role in call('GET', '/roles', admin)['roles']}
    projects, users = {}, {}
    for name, password, project, role in PEOPLE:
        if project not in projects:
            projects[project] = call('POST', '/projects', admin, {'project': {
                'name': project, 'domain_id': 'default'}})['project']['id']
        users[name] = call('POST', '/users', admin, {'user': {
            'name': name, 'password': password, 'domain_id': 'default'}})['user']['id']
        call('PUT', '/projects/%s/users/%s/roles/%s' % (projects[project], users[name], roles[role]), admin)
    service = call('POST', '/services', admin, {'service': {
        'type': 'object-store', 'name': 'swift'}})['service']['id']
    address = 'http://%s:%d/v1/AUTH_%%(project_id)s' % (HOST, swift_port)
    for interface in ('public', 'internal', 'admin'):
        call('POST', '/endpoints', admin, {'endpoint': {
            'service_id': service, 'interface': interface, 'region_id': REGION, 'url': address}})
    token = call.login('demo', 'demopass', 'demo')
    ec2 = call('POST', '/users/%s/credentials/OS-EC2' % users['demo'], token,
               {'tenant_id': projects['demo']})['credential']
    application = call('POST', '/users/%s/application_credentials' % users['demo'], token, {
        'application_credential': {'name': 'pailfs', 'secret': 'appsecret'}})['application_credential']
    return {'project': projects['demo'], 'ec2': ec2,
            'application': {'id': application['id'], 'secret': 'appsecret'}}


class Identity:
    """Keystone's API, version 3."""

    def __init__(self, url):
        self.url = url

    def __call__(self, method, path, token, body=None):
        return self._send(method, path, token, body)[0]

    def login(self, user, password, project):
        identity = {'methods': ['password'], 'password': {'user': {
            'name': user, 'password': password, 'domain': {'id': 'default'}}}}
        scope = {'project': {'name': project, 'domain': {'id': 'default'}}}
        return self._send('POST', '/auth/tokens', None, {
            'auth': {'identity': identity, 'scope': scope}})[1]['X-Subject-Token']

    def _send(self, method, path, token, body):
        headers = {'Content-Type': 'application/json'}
        if token:
            headers['X-Auth-Token'] = token
        request = urllib.request.Request(self.url + path, method=method, headers=headers,
                                         data=json.dumps(body).encode() if body else None)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                text = reply.read()
                return json.loads(text) if text else {}, reply.headers
        except urllib.error.HTTPError as error:
            raise procs.ServerFailed('keystone: %s %s: %s %s' % (method, path, error.code, error.read()))
