"""One process of a Swift: `swift_node.py KIND ETC`, with its whole configuration in the folder ETC.

Debian's own programs read /etc/swift/swift.conf; that path is a variable, set here before anything
else of Swift is loaded. `swift_node.py rings ETC HOST ACCOUNT CONTAINER OBJECT` makes the rings.
"""
import logging
import os
import sys

DAEMONS = {
    'container-updater': ('swift.container.updater', 'ContainerUpdater', 'container-server.conf'),
    'object-updater': ('swift.obj.updater', 'ObjectUpdater', 'object-server.conf'),
    'object-expirer': ('swift.obj.expirer', 'ObjectExpirer', 'object-expirer.conf'),
}


def log_to_file(conf, _name, _to_console, _route, _format, logger, _adapted):
    """Swift's hook log_custom_handlers: to a file of ours, never to the machine's syslog."""
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = logging.FileHandler(conf['pailfs_log'])
    handler.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(message)s'))
    logger.addHandler(handler)


def make_rings(etc, host, ports):
    from swift.common.ring import RingBuilder
    for kind, port in zip(('account', 'container', 'object'), ports):
        builder = RingBuilder(part_power=2, replicas=1, min_part_hours=1)
        builder.add_dev({'region': 1, 'zone': 1, 'device': 'd1', 'weight': 100.0, 'meta': '', 'ip': host,
                         'port': int(port), 'replication_ip': host, 'replication_port': int(port)})
        builder.rebalance()
        builder.get_ring().save(os.path.join(etc, kind + '.ring.gz'))


def serve(kind, etc):
    from swift.common.wsgi import run_wsgi
    extra = {}
    if kind == 'object':
        from swift.obj.server import global_conf_callback
        extra['global_conf_callback'] = global_conf_callback
    return run_wsgi(os.path.join(etc, kind + '-server.conf'), kind + '-server', **extra)


def run_daemon(kind, etc):
    from swift.common.daemon import run_daemon as run
    module, name, conf = DAEMONS[kind]
    run(getattr(__import__(module, fromlist=[name]), name), os.path.join(etc, conf), section_name=kind)


def main():
    kind, etc = sys.argv[1:3]
    import swift.common.utils
    swift.common.utils.SWIFT_CONF_FILE = os.path.join(etc, 'swift.conf')
    if kind == 'rings':
        return make_rings(etc, sys.argv[3], sys.argv[4:7])
    return run_daemon(kind, etc) if kind in DAEMONS else serve(kind, etc)


if __name__ == '__main__':
    sys.exit(main())
