"""A user and mount namespace in which QEMU is registered for Arm64 programs, and roots to chroot into ("jails").

Since Linux 6.7 each user namespace has its own registry of binary formats (binfmt_misc), so this needs no privilege and changes
nothing outside. It is the only way to run Wine under qemu-user: without registration QEMU's programs cannot start others.

Nothing that is mounted here is ever removed: a mount ends with the namespace, and a jail is mounted on a directory of its own, apart
from all that is cleaned up. Of the host a jail has only what it is given, all but one directory for reading only.
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MARK = 'DEMOTIC_TEST_NAMESPACE'
# ELF, 64 bits, little endian, executable or shared object, EM_AARCH64.
MAGIC = ''.join(f'\\x{b:02x}' for b in b'\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0')
MASK = ''.join(f'\\x{b:02x}' for b in b'\xff\xff\xff\xff\xff\xff\xff\0\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff')
DEVICES = ('null', 'zero', 'full', 'random', 'urandom', 'tty')


def enter():
    """Runs this program again inside, with the same arguments, unless it is there already"""
    if not os.environ.get(MARK):
        os.environ[MARK] = '1'
        os.execvp('unshare', ['unshare', '--map-root-user', '--mount', '--propagation', 'private', sys.executable, *sys.argv])


def register(qemu):
    """Makes the kernel run Arm64 programs with this QEMU, here; why not, or None"""
    try:
        mount('-t', 'binfmt_misc', 'none', '/proc/sys/fs/binfmt_misc')
        with open('/proc/sys/fs/binfmt_misc/register', 'wb', buffering=0) as f:
            # F: opened now, so that it is found in a chroot; O, P: as if the kernel ran the program itself
            f.write(f':demotic-qemu:M::{MAGIC}:{MASK}:{qemu}:FOP'.encode())
    except (OSError, RuntimeError) as e:
        return str(e)
    return None


def mount(*args):
    p = subprocess.run(['mount', *args], capture_output=True, text=True)
    if p.returncode:
        raise RuntimeError(f'mount {" ".join(args)}: {p.stderr.strip()}')


def bind(source, target, writable=False, how='--bind'):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        open(target, 'w').close()
    mount(how, source, target)
    if not writable:
        mount('-o', 'remount,bind,ro', target)


def copy_etc(root, at):
    """The root's /etc, with the host's names of machines"""
    shutil.copytree(root + '/etc', at + '/etc', symlinks=True)
    for name in ('hosts', 'resolv.conf', 'nsswitch.conf', 'protocols', 'services'):
        if os.path.exists(f'/etc/{name}') and not os.path.lexists(f'{at}/etc/{name}'):
            shutil.copy(f'/etc/{name}', f'{at}/etc/{name}')


def jail(root, at, writable, readable):
    """Mounts at `at`, an empty directory that no one removes, what the root has; of the host /proc, some devices, and the directories
    `writable` and `readable` under their own names. Only inside."""
    if not os.environ.get(MARK):
        raise RuntimeError('a jail is made in a namespace only')
    mount('-t', 'tmpfs', 'none', at)
    for name in os.listdir(root):
        if os.path.islink(f'{root}/{name}'):
            os.symlink(os.readlink(f'{root}/{name}'), f'{at}/{name}')
        elif name == 'etc':
            copy_etc(root, at)
        elif name not in ('proc', 'dev', 'sys', 'tmp', 'run', 'home', 'root', 'work'):
            bind(f'{root}/{name}', f'{at}/{name}')
    for name in ('tmp', 'run', 'home', 'root', 'dev/shm'):
        os.makedirs(f'{at}/{name}')
    bind('/proc', at + '/proc', writable=True, how='--rbind')
    for name in DEVICES:
        bind(f'/dev/{name}', f'{at}/dev/{name}', writable=True)
    for name in readable:
        if not os.path.exists(at + name):
            bind(name, at + name)
    bind(writable, at + writable, writable=True)
    return at


def remove(tree):
    """Removes a directory with all in it, unless something is mounted there: that would be removed too"""
    with open('/proc/self/mountinfo') as f:
        mounts = [line.split()[4] for line in f]
    inside = [m for m in mounts if m == tree or m.startswith(tree + '/')]
    if inside:
        raise RuntimeError(f'{tree} is not removed: mounted there: {inside}')
    shutil.rmtree(tree, ignore_errors=True)
