"""An X display without a screen (Xvfb), its picture, and a hand on its keyboard and mouse (xdotool)."""
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
import zlib

from session import Failure


class Picture:
    """RGB rows"""

    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows

    def difference(self, other, box=None):
        """The box (left, top, right, bottom) in which the two differ, or None"""
        left, top, right, bottom = box or (0, 0, self.width, self.height)
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, self.width), min(bottom, self.height)
        found = None
        for y in range(top, bottom):
            a, b = self.rows[y][3 * left:3 * right], other.rows[y][3 * left:3 * right]
            if a != b:
                x = [i // 3 for i in range(len(a)) if a[i] != b[i]]
                found = (min(x[0] + left, found[0] if found else 1 << 30), found[1] if found else y, max(x[-1] + left + 1, found[2] if found else 0), y + 1)
        return found

    def crop(self, x, y, width, height):
        rows = [r[3 * x:3 * (x + width)] for r in self.rows[y:y + height]]
        return Picture(len(rows[0]) // 3, len(rows), rows)

    def save(self, path):
        def chunk(kind, data):
            return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
        with open(path, 'wb') as f:
            f.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', self.width, self.height, 8, 2, 0, 0, 0)) +
                    chunk(b'IDAT', zlib.compress(b''.join(b'\0' + r for r in self.rows), 9)) + chunk(b'IEND', b''))


class Display:
    def __init__(self, store, size='800x500'):
        for tool in ('Xvfb', 'xdotool'):
            if not shutil.which(tool):
                raise Failure(f'{tool} is not installed (tools/deps.sh check installs it)')
        self.dir = tempfile.mkdtemp(prefix='demotic-display.')
        r, w = os.pipe()
        self.server = subprocess.Popen(['Xvfb', '-displayfd', str(w), '-screen', '0', size + 'x24', '-fbdir', self.dir, '-nolisten', 'tcp', '-ac'],
                                       pass_fds=[w], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(w)
        with os.fdopen(r) as f:
            self.name = ':' + f.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.terminate()
        try:
            self.server.wait(10)
        except ChildProcessError:  # a session has buried it
            pass
        shutil.rmtree(self.dir, ignore_errors=True)

    def picture(self):
        """What is shown: the server keeps its screen in a file, in xwd's format"""
        with open(self.dir + '/Xvfb_screen0', 'rb') as f:
            data = f.read()
        header = struct.unpack('>25I', data[:100])
        size, width, height, line, colours = header[0], header[4], header[5], header[12], header[19]
        start = size + 12 * colours
        rows = []
        for y in range(height):
            row = data[start + y * line:start + y * line + 4 * width]
            rgb = bytearray(3 * width)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
            rows.append(bytes(rgb))
        return Picture(width, height, rows)

    def wait(self, seconds):
        time.sleep(seconds)

    def settled(self, changed_from=None, box=None, timeout=60):
        """A picture that has stayed the same (in the box) for a second, the blinking of a caret apart, and is not `changed_from`"""
        deadline, last, since = time.monotonic() + timeout, self.picture(), time.monotonic()
        while time.monotonic() < deadline:
            time.sleep(0.2)
            now = self.picture()
            area = now.difference(last, box)
            if area and area[2] - area[0] > 2:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > 1 and (not changed_from or now.difference(changed_from, box)):
                return now
        raise Failure('the picture does not settle' if not changed_from else 'the picture does not change')

    def do(self, *args, timeout=30):
        return subprocess.run(['xdotool', *map(str, args)], env={**os.environ, 'DISPLAY': self.name}, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, timeout=timeout).stdout

    def window(self, title, seconds):
        """Waits for a window whose title has these words; where it is (x, y, width, height)"""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for found in self.do('search', '--onlyvisible', '--name', title).split():
                place = dict(re.findall(r'^(\w+)=(-?\d+)$', self.do('getwindowgeometry', '--shell', found), re.M))
                if int(place.get('WIDTH', 0)) > 50:
                    self.do('windowfocus', found)
                    return tuple(int(place[k]) for k in ('X', 'Y', 'WIDTH', 'HEIGHT'))
            time.sleep(0.2)
        raise Failure(f'no window "{title}" after {seconds} s')

    def type(self, text):
        self.do('type', '--delay', 30, text)

    def key(self, name):
        self.do('key', name)

    def away(self):
        """The mouse where its pointer hides nothing"""
        self.do('mousemove', 790, 490)

    def click(self, x, y, button=1):
        self.do('mousemove', x, y)
        time.sleep(0.2)
        self.do('click', button)
