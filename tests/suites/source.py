"""Debian source packages, for tests that are not ours to copy: fetched with apt from a list of their own, so that the machine's
sources stay as they are, and unpacked under a build directory."""
import glob
import os
import subprocess
import tarfile

# Where the packages come from; the release whose compiler the tests are built with.
LIST = '''deb-src http://deb.debian.org/debian bookworm main
deb-src http://deb.debian.org/debian-security bookworm-security main
'''


def apt(work, *command, cwd=None):
    """apt-get with its lists and cache under `work`"""
    options = {'Dir::Etc::sourcelist': f'{work}/sources.list', 'Dir::Etc::sourceparts': '-', 'Dir::State::lists': f'{work}/lists',
               'Dir::Cache': f'{work}/cache', 'APT::Sandbox::User': 'root', 'APT::Get::Only-Source': 'true',
               'Dir::Etc::trusted': '/usr/share/keyrings/debian-archive-keyring.gpg'}
    subprocess.run(['apt-get', '-qq', *(x for k, v in options.items() for x in ('-o', f'{k}={v}')), *command], cwd=cwd, check=True,
                   stdout=subprocess.DEVNULL, timeout=900)


def fetch(build, package):
    """The directory with `package`'s source files, fetched if they are not there"""
    files, work = f'{build}/source', f'{build}/apt'
    if not glob.glob(f'{files}/{package}_*.dsc'):
        for d in (files, f'{work}/lists/partial', f'{work}/cache/archives/partial'):
            os.makedirs(d, exist_ok=True)
        with open(f'{work}/sources.list', 'w') as f:
            f.write(LIST)
        apt(work, 'update')
        apt(work, 'source', '--download-only', package, cwd=files)
    return files


def version(build, package):
    """The version that was fetched, as Debian names it"""
    return os.path.basename(glob.glob(f'{build}/source/{package}_*.dsc')[0])[len(package) + 1:-len('.dsc')]


def unpack(build, package, wanted):
    """Unpacks what lies below the folders `wanted` of the package's source, once; where to"""
    out = f'{build}/source/{package}'
    if os.path.exists(out):
        return out
    archive = glob.glob(f'{fetch(build, package)}/{package}_*.orig.tar.*')[0]
    with tarfile.open(archive) as outer:
        inner = [m for m in outer.getnames() if m.endswith('-dfsg.tar.xz')] if package.startswith('gcc') else []
        if inner:  # Debian packs GCC's archive into another one
            with tarfile.open(fileobj=outer.extractfile(inner[0]), mode='r:xz') as archive:
                extract(archive, wanted, out + '.part')
        else:
            extract(outer, wanted, out + '.part')
    os.rename(out + '.part', out)
    return out


def extract(archive, wanted, out):
    for m in archive:
        path = m.name.partition('/')[2]  # without the archive's own folder
        if any(path.startswith(w) for w in wanted) and (m.isfile() or m.isdir()) and '..' not in path.split('/'):
            m.name = path
            archive.extract(m, out)
