"""Ceph RADOS Gateway on loopback: one monitor, one OSD that keeps everything in memory, radosgw.

No manager daemon runs, so `ceph df` and other questions to it would hang: never ask them. Without
cephx the monitor's clients must speak plain (crc), or radosgw does not get through.

Options: port, maxPut and minPart (bytes).
"""
import os
import shutil
import uuid

import procs
from swift_server import status

HOST = '127.0.0.1'
PROGRAMS = {'ceph-mon': 'ceph-mon', 'ceph-osd': 'ceph-osd', 'radosgw': 'radosgw', 'ceph': 'ceph-common'}
OSD_PORTS = 30
# Users as (id, access key, secret key).
USERS = (('test', 'test', 'testing'), ('alt', 'alt', 'alttesting'))

CONFIGURATION = '''[global]
fsid = {fsid}
mon host = v2:{host}:{mon_port}/0
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
public network = {host}/32
public addr = {host}
cluster addr = {host}
ms bind port min = {osd_port_low}
ms bind port max = {osd_port_high}
ms bind ipv6 = false
ms bind msgr1 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 2000
mon data avail crit = 1
mon data avail warn = 1
mon osd nearfull ratio = .98
mon osd backfillfull ratio = .985
mon osd full ratio = .99
osd failsafe full ratio = .995
run dir = {run}
admin socket = {run}/$name.asok
log file = {log}/$name.ceph.log
pid file = {run}/$name.pid
crash dir = {run}
keyring = {run}/keyring
debug ms = 0
paxos propose interval = .05
paxos min wait = .01
mon tick interval = 1
[mon.a]
mon data = {data}/mon
[osd]
osd data = {data}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd memory target = 939524096
osd op num shards = 2
osd class load list = *
osd class default list = *
[client.rgw]
ms mon client mode = crc
rgw frontends = beast endpoint={host}:{port}
rgw data = {data}/rgw
rgw thread pool size = 64
rgw enable usage log = false
rgw enable ops log = false
rgw dynamic resharding = false
rgw override bucket index max shards = 1
rgw run sync thread = false
rgw gc obj min wait = 5
rgw gc processor period = 10
rgw gc processor max time = 10
rgw swift account in url = true
rgw max put size = {max_put}
rgw multipart min part size = {min_part}
'''


def missing():
    return [package for program, package in PROGRAMS.items() if not shutil.which(program)]


def start(children, directory, options):
    port = procs.free_ports(2 + OSD_PORTS, HOST, options.get('port'))
    data = os.path.join(directory, 'data')
    for name in ('mon', 'osd', 'rgw', 'run'):
        os.makedirs(os.path.join(data, name), exist_ok=True)
    open(os.path.join(data, 'run', 'keyring'), 'w').close()
    fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
    conf = os.path.join(data, 'ceph.conf')
    with open(conf, 'w') as file:
        file.write(CONFIGURATION.format(
            fsid=fsid, host=HOST, port=port, mon_port=port + 1, osd_port_low=port + 2,
            osd_port_high=port + 1 + OSD_PORTS, data=data, run=os.path.join(data, 'run'),
            log=children.log_directory, max_put=options.get('maxPut', 5368709120),
            min_part=options.get('minPart', 5242880)))
    start_cluster(children, conf, data, fsid, osd, port + 1)
    children.spawn('rgw', ['radosgw', '-c', conf, '-n', 'client.rgw', '-f'])
    create_users(children, conf)
    swift = {'X-Auth-User': 'test:swift', 'X-Auth-Key': 'testing'}
    children.wait_for('radosgw', lambda: status(port, '/auth/v1.0', swift) == 204, 90)
    return {
        'endpoint': 'http://%s:%d' % (HOST, port), 'host': HOST, 'port': port,
        's3': {'accessKeyId': 'test', 'secretAccessKey': 'testing', 'region': 'us-east-1', 'pathStyle': True},
        'swift': {'authUrl': 'http://%s:%d/auth/v1.0' % (HOST, port), 'user': 'test:swift', 'key': 'testing'},
    }


def start_cluster(children, conf, data, fsid, osd, mon_port):
    monmap = os.path.join(data, 'monmap')
    children.run('mkfs', ['monmaptool', '--create', '--clobber', '--addv', 'a',
                          '[v2:%s:%d]' % (HOST, mon_port), '--fsid', fsid, monmap])
    children.run('mkfs', ['ceph-mon', '-c', conf, '--mkfs', '-i', 'a', '--monmap', monmap])
    children.spawn('mon', ['ceph-mon', '-c', conf, '-i', 'a', '-f'])
    children.run('ceph', ['ceph', '-c', conf, '--connect-timeout', '60', 'osd', 'new', osd, '0'])
    children.run('mkfs', ['ceph-osd', '-c', conf, '-i', '0', '--mkfs', '--osd-uuid', osd])
    children.spawn('osd', ['ceph-osd', '-c', conf, '-i', '0', '-f'])


def create_users(children, conf):
    admin = ['radosgw-admin', '-c', conf, '-n', 'client.rgw']
    for name, access, secret in USERS:
        children.run('admin', admin + ['user', 'create', '--uid=' + name, '--display-name=' + name,
                                       '--access-key=' + access, '--secret-key=' + secret])
    children.run('admin', admin + ['subuser', 'create', '--uid=test', '--subuser=test:swift',
                                   '--access=full', '--key-type=swift', '--secret-key=testing'])
