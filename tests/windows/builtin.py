"""Wine's own programs: cmd.exe and batch files, the registry, scripts; and windows, on a display without a screen."""
from cases import case, ran, same, want
from display import Display
from session import Failure, Session


@case('cmd', 'cmd /c echo', timed=True)
def echo(w):
    ran(w.run('cmd.exe', '/c', 'echo Hello World'), out='Hello World\n')


@case('cmd', 'batch file: loops, redirection, errorlevel', timed=True)
def batch(w):
    w.file('in.txt', 'one two\r\nthree\r\nfour two\r\n')
    w.file('test.bat', r'''@echo off
setlocal enabledelayedexpansion
set SUM=0
del out.txt 2>nul
for /l %%i in (1,1,20) do (
  set /a SUM+=%%i>nul
  echo line %%i>>out.txt
)
echo sum %SUM% !SUM!
for /f "tokens=1,2" %%a in (in.txt) do echo [%%a][%%b]
for %%f in (*.txt) do echo file %%~nxf
call :sub A "B C"
echo after %ERRORLEVEL%
type in.txt | find "two"
find "nothing" in.txt >nul || echo not found
find "three" in.txt >nul && echo found
cmd /c exit 9
if errorlevel 9 if not errorlevel 10 echo nine
set TEXT=some text
echo %TEXT:some=other% %TEXT:~-4% %TEXT:~0,4%
if /i "%TEXT%"=="SOME TEXT" (echo same) else (echo different)
md d\e & copy in.txt d\e >nul & if exist d\e\in.txt echo copied
pushd d & dir /b e & popd & rd /s /q d
if not exist d echo gone
(echo to stderr)>&2 2>err.txt
goto end
echo never
:sub
shift
echo sub %~1
exit /b 5
:end
exit /b 7
''')
    r = ran(w.run('cmd.exe', '/c', 'test.bat'), status=7, out='''sum 210 210
[one][two]
[three][]
[four][two]
file in.txt
file out.txt
sub B C
after 5
one two
four two
not found
found
nine
other text text some
same
copied
in.txt
gone
''')
    want('to stderr' in r.err, f'standard error: {r.err!r}')
    same('what it wrote', w.file('out.txt'), ''.join(f'line {i}\n' for i in range(1, 21)))


@case('cmd', 'a long pipeline and much output')
def pipeline(w):
    w.file('many.bat', '@for /l %%i in (1,1,3000) do @echo number %%i\n')
    r = ran(w.run('cmd.exe', '/c', 'many.bat | findstr 9 | findstr number'))
    same('the output', r.out, ''.join(f'number {i}\n' for i in range(1, 3001) if '9' in str(i)))


@case('cmd', 'reg add, query, export, delete', timed=True)
def registry(w):
    key = 'HKCU\\Software\\DemoticTest\\Deep'
    ran(w.run('reg.exe', 'add', key, '/v', 'Text', '/d', 'a "quoted" text', '/f'))
    ran(w.run('reg.exe', 'add', key, '/v', 'Number', '/t', 'REG_DWORD', '/d', '0x1234', '/f'))
    ran(w.run('reg.exe', 'add', key, '/v', 'Many', '/t', 'REG_MULTI_SZ', '/d', 'a\\0b', '/f'))
    r = ran(w.run('reg.exe', 'query', key))
    for line in ('    Text    REG_SZ    a "quoted" text', '    Number    REG_DWORD    0x1234', '    Many    REG_MULTI_SZ    a\\0b'):
        want(line in r.out.split('\n'), f'{line!r} is not in {r.out!r}')
    ran(w.run('reg.exe', 'export', 'HKCU\\Software\\DemoticTest', 'out.reg', '/y'))
    text = open(w.work + '/out.reg', 'rb').read().decode('utf-16')
    want('"Number"=dword:00001234' in text, text)
    ran(w.run('reg.exe', 'delete', 'HKCU\\Software\\DemoticTest', '/f'))
    ran(w.run('reg.exe', 'query', key), status=1)
    ran(w.run('reg.exe', 'import', 'out.reg'))
    ran(w.run('reg.exe', 'query', key, '/v', 'Number'))


@case('cmd', 'cscript runs VBScript and JScript')
def scripts(w):
    w.file('a.vbs', '''Dim fso, f, d, i
Set fso = CreateObject("Scripting.FileSystemObject")
Set f = fso.CreateTextFile("vbs.txt", True)
Set d = CreateObject("Scripting.Dictionary")
For i = 1 To 5
  d.Add "k" & i, i * i
Next
Function Add(a, b)
  Add = a + b
End Function
f.WriteLine "sum " & Add(d("k3"), d("k4")) & " " & UCase("text") & " " & WScript.Arguments(0)
f.Close
WScript.Quit 3
'''.replace('\n', '\r\n'))
    w.file('a.js', '''var fso = new ActiveXObject("Scripting.FileSystemObject"), f = fso.CreateTextFile("js.txt", true), a = [3, 1, 2];
a.sort();
function Point(x) { this.x = x; }
Point.prototype.twice = function () { return this.x * 2; };
f.WriteLine(a.join("-") + " " + new Point(21).twice() + " " + "a1b22".replace(/[0-9]+/g, "#"));
f.Close();
WScript.Quit(4);
''')
    ran(w.run('cscript.exe', '//nologo', 'a.vbs', 'given'), status=3)
    same('what VBScript wrote', w.file('vbs.txt'), 'sum 25 TEXT given\n')
    ran(w.run('wscript.exe', 'a.js'), status=4)
    same('what JScript wrote', w.file('js.txt'), '1-2-3 42 a#b#\n')


# -- windows -------------------------------------------------------------------------------------

def on_display(w, name, play):
    """Plays with a session of its own, since a prefix in use keeps the display it began with"""
    with Display(w.store) as d:
        session = Session(w.store, w.flavour, demotic=w.demotic, options=w.options, display=d.name)
        try:
            play(session, d)
        except Failure:
            d.picture().save(f'{w.store.dir}/failed-{name}-{w.flavour}.png')
            raise
        finally:
            session.close()
            w.used += session.used
            w.complaints += session.complaints


@case('windows', 'notepad: typing, saving')
def notepad(w):
    def play(s, d):
        s.file('note.txt', 'first line\r\n')
        p = s.start(*s.program('notepad.exe'), 'note.txt')
        place = d.window('note.txt', 60)
        empty = d.settled()
        d.type('Typed by a test: 123 + 456 = 579.')
        d.key('Return')
        typed = d.settled(changed_from=empty)
        area = typed.difference(empty)
        want(area and area[2] - area[0] > 100, f'typing changed only {area} of the picture')
        typed.crop(*place).save(f'{s.store.dir}/notepad-{s.flavour}.png')
        d.key('ctrl+s')
        for _ in range(100):
            if 'Typed' in s.file('note.txt'):
                break
            d.wait(0.1)
        same('the file', s.file('note.txt'), 'Typed by a test: 123 + 456 = 579.\nfirst line\n')
        d.key('alt+F4')
        want(s.wait(p, 60)[0] == 0, 'notepad did not end by itself')
    on_display(w, 'notepad', play)


@case('windows', 'winemine: clicking')
def winemine(w):
    def play(s, d):
        p = s.start(*s.program('winemine.exe'))
        x, y, width, height = d.window('WineMine', 60)
        before = d.settled()
        # The field, 9 by 9 cells of 16 pixels, with a margin of 5 below and beside it.
        left, top = x + 5, y + height - 5 - 9 * 16
        cell = lambda column, row: (left + 16 * column, top + 16 * row, left + 16 * column + 16, top + 16 * row + 16)
        field = (left, top, left + 9 * 16, top + 9 * 16)
        d.click(left + 8 * 16 + 8, top + 8, button=3)
        d.away()
        flagged = d.settled(changed_from=before, box=cell(8, 0))
        area, corner = flagged.difference(before, field), cell(8, 0)
        want(area and area[0] >= corner[0] and area[3] <= corner[3], f'the right button changed {area}, not only the cell {corner}')
        d.click(left + 8, top + 8 * 16 + 8)
        d.away()
        opened = d.settled(changed_from=flagged, box=cell(0, 8))
        want(not opened.difference(flagged, cell(8, 0)), 'the flag has gone')
        opened.crop(x, y, width, height).save(f'{s.store.dir}/winemine-{s.flavour}.png')
        d.key('alt+F4')
        want(s.wait(p, 60)[0] == 0, 'winemine did not end by itself')
    on_display(w, 'winemine', play)
